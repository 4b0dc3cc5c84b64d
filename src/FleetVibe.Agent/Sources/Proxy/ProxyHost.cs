using System.Collections.Frozen;
using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>
/// The proxies of an agent. They stand beside its actors: they outlive a source or an accumulator that fails, and stop
/// before the actors do, so that what they measured last is still stored.
/// </summary>
internal sealed partial class ProxyHost : IHostedService, IAsyncDisposable
{
    // The host gives all its services ten seconds together.
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(4);

    private readonly FrozenDictionary<string, MeasuredQueue> _queues;
    private readonly IReadOnlyList<(ProxySourceSettings Settings, ProxyServer Server)> _servers;
    private readonly TimeProvider _time;
    private readonly ILogger<ProxyHost> _log;

    public ProxyHost(AgentSettings settings, TimeProvider time, ILogger<ProxyHost> log)
    {
        _time = time;
        _log = log;
        var proxies = settings.Sources.OfType<ProxySourceSettings>().ToList();
        _queues = proxies.ToFrozenDictionary(proxy => proxy.Key, proxy => new MeasuredQueue(proxy, Guid.NewGuid()));
        _servers = [.. proxies.Select(proxy => (proxy, new ProxyServer(proxy, _queues[proxy.Key], time)))];
    }

    /// <summary>Where the proxies listen, by source key; known once they have started.</summary>
    public IReadOnlyDictionary<string, Uri> Addresses => _servers.ToDictionary(entry => entry.Settings.Key, entry => entry.Server.Address);

    /// <summary>Makes the actors of proxies itself, and leaves those of other sources to others.</summary>
    public SourceFactory FactoryOver(SourceFactory others) => (settings, accumulator, time) => settings is ProxySourceSettings proxy
        ? ProxyActor.CreateProps(proxy, _queues[proxy.Key], accumulator, SourceClient.Create, time)
        : others(settings, accumulator, time);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var (settings, server) in _servers)
        {
            await server.StartAsync(cancellationToken);
            Listens(_log, server.Address, FetchErrors.Place(settings.Endpoint));
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(StopPatience, _time);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        await Task.WhenAll(_servers.Select(entry => entry.Server.StopAsync(enough.Token)));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (_, server) in _servers)
        {
            await server.DisposeAsync();
        }
    }

    [LoggerMessage(1, LogLevel.Information, "the proxy before {Engine} listens on {Address}")]
    private static partial void Listens(ILogger log, Uri address, string engine);
}
