using FleetVibe.Agent;
using FleetVibe.Aggregator;
using FleetVibe.Dashboard;
using FleetVibe.Gateway;

namespace FleetVibe.Configuration;

/// <summary>
/// What one process does: a role is there where its settings are. A role whose peer is in the same process has no
/// addresses for it yet: they are known once the peer listens.
/// </summary>
internal sealed record FleetVibeSettings
{
    public required string Node { get; init; }

    public required string DataDirectory { get; init; }

    public AgentSettings? Agent { get; init; }

    public AggregatorSettings? Aggregator { get; init; }

    public GatewaySettings? Gateway { get; init; }

    public DashboardSettings? Dashboard { get; init; }

    /// <summary>Whether the agent reports to the aggregator of this process.</summary>
    public bool AgentUsesLocalAggregator { get; init; }

    /// <summary>Whether the agent names no aggregator, so that execd can run it and run cannot.</summary>
    public bool AgentOnlyPrints { get; init; }

    /// <summary>Whether the aggregator commits at the gateway of this process.</summary>
    public bool AggregatorUsesLocalGateway { get; init; }

    /// <summary>Whether the page may take another port where its own is busy.</summary>
    public bool DashboardPortMayMove { get; init; }

    /// <summary>The roles in their order of start.</summary>
    public IEnumerable<string> Roles =>
        new (string Name, object? Settings)[] { ("gateway", Gateway), ("aggregator", Aggregator), ("agent", Agent), ("dashboard", Dashboard) }
            .Where(r => r.Settings is not null).Select(r => r.Name);
}
