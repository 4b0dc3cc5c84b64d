using FleetVibe.Protocol.Transport;

namespace FleetVibe.Dashboard;

/// <summary>What the page needs, validated.</summary>
public sealed record DashboardSettings
{
    /// <summary>Where the page is served.</summary>
    public required ListenSettings Listen { get; init; }

    /// <summary>Whose query API it reads; several are tried in turn.</summary>
    public required PeerSettings Aggregators { get; init; }
}
