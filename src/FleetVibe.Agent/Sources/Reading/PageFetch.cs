using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Agent.Sources.Reading;

/// <summary>A page as an agent gets it, or why it gets none.</summary>
/// <param name="Body">Decompressed; empty where there is none.</param>
/// <param name="MediaType">Lower case, without parameters; null where the server named none.</param>
/// <param name="Error">One line with the place and the cure, without secrets; null where there is a page.</param>
public sealed record FetchedText(ReadOnlyMemory<byte> Body, string? MediaType, string? Error);

/// <summary>Fetches a page once, with the client of the polled sources: verified TLS, no token over plain http off loopback.</summary>
public static class PageFetch
{
    private const string AcceptOpenMetrics = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

    /// <param name="caFile">PEM file of the authorities to trust; null means the system's.</param>
    /// <param name="openMetrics">Ask for OpenMetrics; an agent does not.</param>
    public static async Task<FetchedText> FetchAsync(
        Uri address, BearerToken? token, string? caFile, bool openMetrics, TimeProvider time, CancellationToken cancellation)
    {
        var settings = new VllmSourceSettings { Endpoint = address, Token = token, CaFile = caFile };
        using var client = SourceClient.Create(settings, new PageWanted(openMetrics ? AcceptOpenMetrics : PageBody.Accept, DisabledCure: null), time);
        var outcome = await client.FetchAsync(cancellation);
        return outcome.Page is { } page ? new FetchedText(page.Body, page.MediaType, null) : new FetchedText(default, null, outcome.Text);
    }
}
