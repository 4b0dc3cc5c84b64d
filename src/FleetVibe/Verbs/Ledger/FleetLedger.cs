using FleetVibe.Protocol.Ledger;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Verbs.Ledger;

/// <summary>One node of the ledger with its verdict.</summary>
internal sealed record LedgerLine(NodeAccount Account, Balance Balance);

/// <summary>Both ledgers of a running fleet, judged. Pure.</summary>
/// <param name="Gateway">Null while no gateway answers the aggregator.</param>
internal sealed record FleetLedger(string Aggregator, DateTimeOffset At, IReadOnlyList<LedgerLine> Nodes, GatewayStatus? Gateway, string GatewayError)
{
    /// <param name="earlier">A snapshot at least <see cref="LedgerBalance.Apart"/> before; null where there is none.</param>
    public static FleetLedger From(FleetSnapshot? earlier, FleetSnapshot latest)
    {
        var before = earlier is null ? null : NodeAccount.From(earlier).ToDictionary(a => a.Node, StringComparer.Ordinal);
        return new FleetLedger(
            latest.Aggregator,
            DateTimeOffset.FromUnixTimeMilliseconds(latest.AtUnixMs),
            [.. NodeAccount.From(latest).Select(a => new LedgerLine(a, LedgerBalance.Of(before?.GetValueOrDefault(a.Node), a)))],
            latest.Gateway,
            latest.GatewayError);
    }

    /// <summary>Of the gateway's totals; null while no gateway answers.</summary>
    public Balance? Totals { get; } = Gateway is null ? null : LedgerBalance.OfGateway(Gateway);

    public Balance? Points { get; } = Gateway is null ? null : LedgerBalance.OfPoints(Gateway);

    /// <summary>A later snapshot decides whether it balances.</summary>
    public bool NeedsLaterReading => Nodes.Any(n => n.Balance.NeedsLaterReading);

    /// <summary>The worst of all lines.</summary>
    public BalanceState State => new[] { RequestsState, Points?.State ?? BalanceState.NotHeard }.Max();

    /// <summary>The worst of the lines about requests.</summary>
    public BalanceState RequestsState => Nodes.Select(n => n.Balance.State).Append(Totals?.State ?? BalanceState.NotHeard).Max();

    public ulong OnTheWay => Nodes.Aggregate(0UL, (sum, n) => sum + n.Balance.OnTheWay);

    /// <summary>The agents' counters together; those of agents that did not tell any are missing in it.</summary>
    public AgentLedger Agents => Sum(Nodes.Select(n => n.Account.Agent));

    /// <summary>Everything that does not add up, with its place.</summary>
    public IReadOnlyList<string> Faults =>
    [
        .. Nodes.SelectMany(n => n.Balance.Faults.Select(f => $"{n.Account.Node}: {f}")),
        .. Totals?.Faults.Select(f => $"gateway: {f}") ?? [],
        .. Points?.Faults.Select(f => $"points: {f}") ?? [],
    ];

    public static AgentLedger Sum(IEnumerable<AgentLedger?> agents)
    {
        var sum = new AgentLedger();
        foreach (var agent in agents.OfType<AgentLedger>())
        {
            sum.Seen += agent.Seen;
            sum.Open += agent.Open;
            sum.Spooled += agent.Spooled;
            sum.AckedCommitted += agent.AckedCommitted;
            sum.AckedLate += agent.AckedLate;
            sum.AckedFuture += agent.AckedFuture;
            sum.AckedUndecodable += agent.AckedUndecodable;
            sum.DroppedSpoolFull += agent.DroppedSpoolFull;
            sum.NodePointsCoalesced += agent.NodePointsCoalesced;
            sum.RecordsCoalesced += agent.RecordsCoalesced;
        }

        return sum;
    }

    /// <summary>The gateway's totals in the form of a node's.</summary>
    public static NodeCommitted TotalOf(GatewayStatus gateway) => new()
    {
        Node = "fleet", Committed = gateway.Committed, Late = gateway.Late, Future = gateway.Future, Undecodable = gateway.Undecodable,
    };
}
