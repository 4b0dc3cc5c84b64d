using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Http;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Agent.Tests.Sources.Http;

/// <summary>Fetches one page as a source does.</summary>
internal static class Fetching
{
    public static PageWanted Wanted { get; } = new("text/plain;version=0.0.4,*/*;q=0.1", "start it without --disable-log-stats");

    public static VllmSourceSettings Settings(Uri endpoint) => new() { Endpoint = endpoint, Timeout = TimeSpan.FromSeconds(20), Interval = TimeSpan.FromSeconds(60) };

    public static async Task<FetchOutcome> FetchAsync(HttpSourceSettings settings)
    {
        using var client = new SourceClient(settings, Wanted, TimeProvider.System);
        return await client.FetchAsync(CancellationToken.None);
    }

    /// <param name="answer">What the server does.</param>
    public static async Task<FetchOutcome> FetchAsync(RequestDelegate answer, Func<VllmSourceSettings, VllmSourceSettings>? with = null)
    {
        await using var server = await LoopbackServer.StartAsync(answer);
        var settings = Settings(new Uri(server.Address, "/metrics"));
        return await FetchAsync(with?.Invoke(settings) ?? settings);
    }

    public static string Text(FetchOutcome outcome) => Encoding.UTF8.GetString(outcome.Page!.Body.Span);
}
