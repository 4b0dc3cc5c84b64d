using FleetVibe.Protocol.Ledger;
using FleetVibe.Protocol.V1;
using FleetVibe.Verbs.Ledger;

namespace FleetVibe.Verbs.Demo;

/// <summary>One node in the ledger: what its server served, what its agent says, what the gateway has.</summary>
internal sealed record NodeLedger(string Node, long Served, AgentLedger? Agent, NodeCommitted? Gateway);

/// <summary>
/// Both ledgers, of requests and of points, beside what really happened: requests per node and fleet, and points. Pure.
/// </summary>
/// <param name="SinkRequests">Sum of requests over vibe_fleet with window=10s at the simulated Telegraf; null with another sink.</param>
internal sealed record DemoLedger(IReadOnlyList<NodeLedger> Nodes, GatewayStatus Gateway, long? SinkRequests)
{
    public static DemoLedger From(IEnumerable<(string Node, long Served)> served, FleetSnapshot fleet, GatewayStatus gateway, long? sinkRequests) => new(
        [.. served.Select(s => new NodeLedger(
            s.Node,
            s.Served,
            fleet.Nodes.FirstOrDefault(n => n.Node == s.Node)?.Ledger,
            gateway.Nodes.FirstOrDefault(n => n.Node == s.Node)))],
        gateway,
        sinkRequests);

    public long Served => Nodes.Sum(n => n.Served);

    /// <summary>Whether nothing is on its way any more.</summary>
    public bool IsAtRest => Gateway.PointsQueued == 0
        && Nodes.All(n => n.Agent is { Open: 0, Spooled: 0 } agent && (long)agent.Seen == n.Served)
        && (SinkRequests is null || SinkRequests == (long)Gateway.Committed);

    /// <summary>What still is on its way, for a line of progress.</summary>
    public string OnItsWay => $"{Nodes.Sum(n => (long)(n.Agent?.Open ?? 0))} requests open, {Nodes.Sum(n => (long)(n.Agent?.Spooled ?? 0))} spooled, {Gateway.PointsQueued} points queued"
        + (Gateway.DeliveryError.Length > 0 ? $"; delivery is {Gateway.DeliveryState}: {Gateway.DeliveryError}" : "");

    /// <summary>
    /// Whether every agent has read its engine's page once. The log is read from its beginning and the GPUs have no
    /// counters: nothing of theirs can come too early.
    /// </summary>
    public static bool EveryPageIsRead(FleetSnapshot fleet, int nodes) =>
        fleet.Nodes.Count == nodes && fleet.Nodes.All(n => n.Sources.Any(s => s is { Kind: "vllm", HasUp: true, Up: true }));

    /// <summary>Every sum that does not add up; empty where the ledger balances.</summary>
    public IReadOnlyList<string> Imbalances => [.. Nodes.SelectMany(OfNode), .. OfFleet()];

    public void Write(TextWriter output)
    {
        output.WriteLine(LedgerTable.Identity);
        LedgerTable.Write(output, [.. Nodes.Select(Row), Total()]);
        LedgerText.WritePoints(output, Gateway);
        if (SinkRequests is { } sum)
        {
            output.WriteLine($"Telegraf: {sum} requests in vibe_fleet (window=10s), of {Gateway.Committed} committed, of {Served} served");
        }
    }

    private static IEnumerable<string> OfNode(NodeLedger node)
    {
        if (node.Agent is not { } agent)
        {
            yield return $"{node.Node}: its agent was not heard";
            yield break;
        }

        foreach (var fault in Judge(node).Faults)
        {
            yield return $"{node.Node}: {fault}";
        }

        if ((long)agent.Seen != node.Served)
        {
            yield return $"{node.Node}: its server served {node.Served} requests, its agent saw {agent.Seen}";
        }

        if (agent.Open + agent.Spooled > 0)
        {
            yield return $"{node.Node}: {agent.Open} requests are still open and {agent.Spooled} spooled";
        }
    }

    private IEnumerable<string> OfFleet()
    {
        foreach (var fault in LedgerBalance.OfGateway(Gateway).Faults)
        {
            yield return $"gateway: {fault}";
        }

        foreach (var fault in LedgerBalance.OfPoints(Gateway).Faults)
        {
            yield return $"points: {fault}";
        }

        if (Gateway.PointsQueued > 0)
        {
            yield return $"points: {Gateway.PointsQueued} are still queued ({Gateway.DeliveryState} {Gateway.DeliveryError})";
        }

        if (Gateway.PointsDeadLettered > 0)
        {
            yield return $"points: {Gateway.PointsDeadLettered} were refused for good";
        }

        if (SinkRequests is { } sum && sum != (long)Gateway.Committed)
        {
            yield return $"Telegraf: {sum} requests in vibe_fleet, {Gateway.Committed} committed";
        }
    }

    // The traffic has ended: one reading is as good as two.
    private static Balance Judge(NodeLedger node)
    {
        var account = new NodeAccount(node.Node, node.Agent, true, node.Gateway ?? new NodeCommitted { Node = node.Node });
        return LedgerBalance.Of(account, account);
    }

    private static LedgerRow Row(NodeLedger node) => new(node.Node, node.Served, node.Agent, node.Gateway ?? new NodeCommitted(), LedgerTable.Word(Judge(node)));

    private LedgerRow Total()
    {
        var state = Nodes.Select(n => Judge(n).State).Append(LedgerBalance.OfGateway(Gateway).State).Max();
        return new LedgerRow(
            "fleet", Served, FleetLedger.Sum(Nodes.Select(n => n.Agent)), FleetLedger.TotalOf(Gateway), LedgerTable.Word(new Balance(state, 0, [])));
    }
}
