using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Printing;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Agent;

/// <summary>What an agent needs, validated. Defaults are those of the configuration reference.</summary>
public sealed record AgentSettings
{
    /// <summary>Name of this GPU node: the <c>host</c> tag of its points.</summary>
    public required string Node { get; init; }

    /// <summary>Folder of the spool file.</summary>
    public required string DataDirectory { get; init; }

    public required PeerSettings Aggregators { get; init; }

    /// <summary>Where this node's points are printed instead of being reported to an aggregator; null where they are reported.</summary>
    public IPointOutlet? Outlet { get; init; }

    public required IReadOnlyList<SourceSettings> Sources { get; init; }

    /// <summary>Where further sources are found while the agent runs.</summary>
    public IReadOnlyList<DiscoverySettings> Discoveries { get; init; } = [];

    /// <summary>Time between two collections of a polled source; also the length of a window.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long after its end a window stays open for stragglers.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Limit of the spool file.</summary>
    public long SpoolMaxBytes { get; init; } = 1L << 30;

    /// <summary>Series that this node may name; further ones go into <c>other</c>, counted.</summary>
    public int MaxSeries { get; init; } = 64;

    /// <summary>These settings with what can change while the agent runs from others: sources but proxies, which hold a port, discoveries, times and limits.</summary>
    public AgentSettings Reloaded(AgentSettings later) => this with
    {
        Sources = [.. Sources.OfType<ProxySourceSettings>(), .. later.Sources.Where(source => source is not ProxySourceSettings)],
        Discoveries = later.Discoveries,
        Interval = later.Interval,
        Grace = later.Grace,
        Heartbeat = later.Heartbeat,
        SpoolMaxBytes = later.SpoolMaxBytes,
        MaxSeries = later.MaxSeries,
    };
}
