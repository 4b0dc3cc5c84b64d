using System.Text;
using FleetVibe.Agent.Discovery.Files;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Discovery.Http;

/// <summary>Fetches the list of targets with the client of the sources: verified TLS, a token to its own origin only, a bounded body.</summary>
internal sealed class HttpFinder : IDisposable
{
    private readonly HttpDiscoverySettings _settings;
    private readonly SourceClient _client;

    internal HttpFinder(HttpDiscoverySettings settings, TimeProvider time)
    {
        _settings = settings;
        _client = new SourceClient(
            new DcgmSourceSettings
            {
                Endpoint = settings.Url,
                Token = settings.Token,
                CaFile = settings.CaFile,
                Insecure = settings.Insecure,
                Timeout = settings.Timeout,
                Interval = settings.Timeout * 3,
            },
            new PageWanted("application/json", null),
            time);
    }

    public void Dispose() => _client.Dispose();

    internal async Task<DiscoveryOutcome> LookAsync(CancellationToken cancellation)
    {
        var outcome = await _client.FetchAsync(cancellation);
        if (outcome.Page is not { } page)
        {
            return DiscoveryOutcome.Failed($"no list of targets: {outcome.Text}");
        }

        try
        {
            return DiscoveryOutcome.Found(TargetJson.Read(Encoding.UTF8.GetString(page.Body.Span).TrimStart('\uFEFF')));
        }
        catch (TargetFormatException e)
        {
            return DiscoveryOutcome.Failed($"{_settings.Place} answered what is no list of targets: {e.Message}");
        }
    }
}
