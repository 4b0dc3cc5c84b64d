using FleetVibe.Protocol.V1;

namespace FleetVibe.Chaos.Oracle;

/// <summary>The ledgers at the end of a campaign, in plain numbers.</summary>
public sealed record FleetLedgerNumbers(IReadOnlyList<NodeLedgerNumbers> Nodes, GatewayLedgerNumbers Gateway)
{
    /// <summary>Reads an aggregator's answer; a node that no agent reports and a gateway that does not answer have none.</summary>
    public static FleetLedgerNumbers From(FleetSnapshot fleet)
    {
        var gateway = fleet.Gateway ?? new GatewayStatus();
        var spools = gateway.Nodes.ToDictionary(node => node.Node, node => (int)node.Spools, StringComparer.Ordinal);
        return new FleetLedgerNumbers(
            [.. fleet.Nodes.Where(node => node.Ledger is not null).Select(node => Of(node.Node, node.Ledger, spools.GetValueOrDefault(node.Node)))],
            new GatewayLedgerNumbers(
                (long)gateway.Committed, (long)gateway.PointsProduced, (long)gateway.PointsQueued, (long)gateway.PointsDelivered,
                (long)gateway.PointsSuperseded, (long)gateway.PointsDeadLettered));
    }

    private static NodeLedgerNumbers Of(string node, AgentLedger ledger, int spools) =>
        new(node, (long)ledger.Seen, (long)ledger.Open, (long)ledger.Spooled, (long)ledger.AckedCommitted)
        {
            Spools = spools,
            Refused = new Dictionary<string, long>(StringComparer.Ordinal)
            {
                ["late"] = (long)ledger.AckedLate,
                ["future"] = (long)ledger.AckedFuture,
                ["undecodable"] = (long)ledger.AckedUndecodable,
                ["spool_full"] = (long)ledger.DroppedSpoolFull,
            },
        };
}

/// <summary>One agent's counters, in requests.</summary>
/// <param name="Open">In windows that are not closed.</param>
/// <param name="Spooled">In records without an acknowledgement.</param>
/// <param name="Committed">Acknowledged as committed.</param>
public sealed record NodeLedgerNumbers(string Node, long Seen, long Open, long Spooled, long Committed)
{
    /// <summary>Spools that brought records under this name; the counters are of the last one alone.</summary>
    public int Spools { get; init; } = 1;

    /// <summary>Refused by the other side, or dropped, by reason.</summary>
    public IReadOnlyDictionary<string, long> Refused { get; init; } = new Dictionary<string, long>();

    public long RefusedInAll => Refused.Values.Sum();
}

/// <summary>The gateway's counters: requests committed, and the ledger of points.</summary>
public sealed record GatewayLedgerNumbers(long Committed, long Produced, long Queued, long Delivered, long Superseded, long DeadLettered);
