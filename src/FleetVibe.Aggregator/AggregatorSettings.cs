using FleetVibe.Protocol.Transport;

namespace FleetVibe.Aggregator;

/// <summary>What an aggregator needs, validated. Defaults are those of the configuration reference.</summary>
public sealed record AggregatorSettings
{
    /// <summary>Where agents and the page connect.</summary>
    public required ListenSettings Listen { get; init; }

    /// <summary>The gateways, tried in turn.</summary>
    public required PeerSettings Gateways { get; init; }

    public required ClusterSettings Cluster { get; init; }

    /// <summary>Name of this member in views and logs.</summary>
    public string Name { get; init; } = "aggregator";

    /// <summary>How long after its end a window waits for an expected host.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>After it a window is final: no more is expected.</summary>
    public TimeSpan Lateness { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A node that was not heard for this long is unreachable.</summary>
    public TimeSpan Unreachable { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A host that was not heard for this long is expected no more.</summary>
    public TimeSpan HostLeavesExpected { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Records that an agent may have unacknowledged.</summary>
    public int Credits { get; init; } = 64;
}

/// <summary>The Akka cluster of aggregators.</summary>
public sealed record ClusterSettings
{
    /// <summary>Where Akka remoting listens; a port of 0 lets the system choose.</summary>
    public ListenAddress Listen { get; init; } = ListenAddress.Ephemeral;

    /// <summary>host:port under which the other members reach this one; null means the listen address.</summary>
    public string? Advertise { get; init; }

    /// <summary>host:port of every seed in the same order on all members; empty means this member alone.</summary>
    public IReadOnlyList<string> Seeds { get; init; } = [];

    /// <summary>PEM files for mutual TLS between members; required off loopback unless <see cref="Insecure"/>.</summary>
    public string? CertFile { get; init; }

    public string? KeyFile { get; init; }

    public string? CaFile { get; init; }

    public bool Insecure { get; init; }
}
