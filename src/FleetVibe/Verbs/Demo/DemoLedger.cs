using FleetVibe.Protocol.V1;

namespace FleetVibe.Verbs.Demo;

/// <summary>One node in the ledger: what its server served, what its agent says, what the gateway has.</summary>
internal sealed record NodeLedger(string Node, long Served, AgentLedger? Agent, NodeCommitted? Gateway);

/// <summary>
/// Both ledgers of DESIGN 8 beside what really happened: requests per node and fleet, and points. Pure.
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
    public string OnItsWay => $"{Nodes.Sum(n => (long)(n.Agent?.Open ?? 0))} requests open, {Nodes.Sum(n => (long)(n.Agent?.Spooled ?? 0))} spooled, {Gateway.PointsQueued} points queued";

    /// <summary>Every sum that does not add up; empty where the ledger balances.</summary>
    public IReadOnlyList<string> Imbalances => [.. Nodes.SelectMany(OfNode), .. OfFleet()];

    public void Write(TextWriter output)
    {
        output.WriteLine("requests: seen = open + spooled + acked committed + acked refused");
        TextTable.Write(
            output,
            ["node:", "served", "seen", "open", "spooled", "acked committed", "acked late", "acked future", "acked undecodable", "gateway committed"],
            [.. Nodes.Select(Row), Total()]);
        output.WriteLine("points: produced = queued + delivered + superseded + dead-lettered");
        output.WriteLine($"  {Gateway.PointsProduced} = {Gateway.PointsQueued} + {Gateway.PointsDelivered} + {Gateway.PointsSuperseded} + {Gateway.PointsDeadLettered}");
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

        var refused = agent.AckedLate + agent.AckedFuture + agent.AckedUndecodable;
        if (agent.Seen != agent.Open + agent.Spooled + agent.AckedCommitted + refused)
        {
            yield return $"{node.Node}: seen {agent.Seen} is not open {agent.Open} + spooled {agent.Spooled} + committed {agent.AckedCommitted} + refused {refused}";
        }

        if ((long)agent.Seen != node.Served)
        {
            yield return $"{node.Node}: its server served {node.Served} requests, its agent saw {agent.Seen}";
        }

        var committed = node.Gateway?.Committed ?? 0;
        if (committed < agent.AckedCommitted || committed > agent.AckedCommitted + agent.Spooled)
        {
            yield return $"{node.Node}: the gateway committed {committed}, the agent has {agent.AckedCommitted} acknowledged and {agent.Spooled} spooled";
        }

        if (agent.Open + agent.Spooled > 0)
        {
            yield return $"{node.Node}: {agent.Open} requests are still open and {agent.Spooled} spooled";
        }
    }

    private IEnumerable<string> OfFleet()
    {
        var perNode = Nodes.Sum(n => (long)(n.Gateway?.Committed ?? 0));
        if ((long)Gateway.Committed != perNode)
        {
            yield return $"gateway: {Gateway.Committed} requests committed in all, {perNode} over the nodes";
        }

        if (Gateway.PointsProduced != Gateway.PointsQueued + Gateway.PointsDelivered + Gateway.PointsSuperseded + Gateway.PointsDeadLettered)
        {
            yield return $"points: {Gateway.PointsProduced} produced is not {Gateway.PointsQueued} queued + {Gateway.PointsDelivered} delivered + {Gateway.PointsSuperseded} superseded + {Gateway.PointsDeadLettered} dead-lettered";
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

    private static IReadOnlyList<string> Row(NodeLedger node) => node.Agent is { } a
        ? [node.Node, $"{node.Served}", $"{a.Seen}", $"{a.Open}", $"{a.Spooled}", $"{a.AckedCommitted}", $"{a.AckedLate}", $"{a.AckedFuture}", $"{a.AckedUndecodable}", $"{node.Gateway?.Committed ?? 0}"]
        : [node.Node, $"{node.Served}", "?", "?", "?", "?", "?", "?", "?", $"{node.Gateway?.Committed ?? 0}"];

    private IReadOnlyList<string> Total()
    {
        string Sum(Func<AgentLedger, ulong> of) => $"{Nodes.Sum(n => n.Agent is null ? 0 : (long)of(n.Agent))}";
        return
        [
            "fleet", $"{Served}", Sum(a => a.Seen), Sum(a => a.Open), Sum(a => a.Spooled), Sum(a => a.AckedCommitted),
            Sum(a => a.AckedLate), Sum(a => a.AckedFuture), Sum(a => a.AckedUndecodable), $"{Gateway.Committed}",
        ];
    }
}
