using FleetVibe.Protocol.V1;

namespace FleetVibe.Protocol.Ledger;

/// <summary>
/// Whether the ledger adds up. An agent: seen = open + spooled + acked committed + acked refused + dropped, in one transaction and
/// so at any instant. Agent and gateway: committed - acked committed is at least 0 and at most what is spooled or open, for each
/// spool. Points: produced = queued + delivered + superseded + dead-lettered. Pure.
/// </summary>
public static class LedgerBalance
{
    /// <summary>
    /// Between two readings of which each holds a newer heartbeat (5 s) and a newer status of the gateway (2 s, answered within 5 s)
    /// than the one before.
    /// </summary>
    public static TimeSpan Apart { get; } = TimeSpan.FromSeconds(12);

    /// <summary>
    /// Judges a node. Its two sides were not read at one moment, but none of the compared counters ever falls, so two readings
    /// decide: what was acknowledged in the earlier one is committed in the later, and what was committed in the earlier one is
    /// acknowledged or under way in the later.
    /// </summary>
    /// <param name="earlier">A reading at least <see cref="Apart"/> before, or the latest itself where all is at rest; null where there is none.</param>
    public static Balance Of(NodeAccount? earlier, NodeAccount latest)
    {
        var agent = latest.Agent;
        if (agent is null)
        {
            return new Balance(BalanceState.NotHeard, 0, []);
        }

        List<string> faults = [];
        var refused = agent.AckedLate + agent.AckedFuture + agent.AckedUndecodable;
        if (agent.Seen != agent.Open + agent.Spooled + agent.AckedCommitted + refused + agent.DroppedSpoolFull)
        {
            var dropped = agent.DroppedSpoolFull > 0 ? $" + dropped {agent.DroppedSpoolFull}" : "";
            faults.Add($"seen {agent.Seen} is not open {agent.Open} + spooled {agent.Spooled} + committed {agent.AckedCommitted} + refused {refused}{dropped}");
        }

        var now = Compare(latest, latest);
        if (earlier is not null && now is not null && Compare(earlier, latest) is { } fault)
        {
            faults.Add(fault);
        }

        var onTheWay = agent.Open + agent.Spooled;
        var state = faults.Count > 0 ? BalanceState.Broken
            : !latest.IsHeard ? BalanceState.NotHeard
            : onTheWay > 0 || now is not null || IsAhead(latest.Gateway, agent) ? BalanceState.UnderWay
            : BalanceState.Balanced;
        return new Balance(state, onTheWay, faults)
        {
            NeedsLaterReading = earlier is null && now is not null,
            Notes = [.. NotesOn(latest.Gateway, agent)],
            FollowsAnother = agent.ReplacesLostUnixMs > 0 || latest.Gateway is { Spools: > 1 },
            IsHalfChecked = latest.Gateway is { } gateway && !IsTold(gateway, agent) && gateway.Spools > 1,
        };
    }

    /// <summary>The gateway's totals are those of its nodes; both were read in one transaction.</summary>
    public static Balance OfGateway(GatewayStatus gateway)
    {
        List<string> faults = [];
        Check("committed", gateway.Committed, n => n.Committed);
        Check("late", gateway.Late, n => n.Late);
        Check("future", gateway.Future, n => n.Future);
        Check("undecodable", gateway.Undecodable, n => n.Undecodable);
        faults.AddRange(gateway.Nodes.Where(n => n.HasSpoolsCommitted && n.SpoolsCommitted != n.Committed)
            .Select(n => $"{n.Committed} requests of {n.Node} committed in all, {n.SpoolsCommitted} over its spools"));
        return new Balance(faults.Count > 0 ? BalanceState.Broken : BalanceState.Balanced, 0, faults);

        void Check(string what, ulong total, Func<NodeCommitted, ulong> of)
        {
            var sum = gateway.Nodes.Aggregate(0UL, (all, node) => all + of(node));
            if (total != sum)
            {
                faults.Add($"{total} requests {what} in all, {sum} over the nodes");
            }
        }
    }

    /// <summary>The second ledger, all at the gateway.</summary>
    public static Balance OfPoints(GatewayStatus gateway)
    {
        var (queued, delivered, superseded, dead) = (gateway.PointsQueued, gateway.PointsDelivered, gateway.PointsSuperseded, gateway.PointsDeadLettered);
        return gateway.PointsProduced != queued + delivered + superseded + dead
            ? new Balance(BalanceState.Broken, queued, [$"{gateway.PointsProduced} produced is not {queued} queued + {delivered} delivered + {superseded} superseded + {dead} dead-lettered"])
            : new Balance(queued > 0 ? BalanceState.UnderWay : BalanceState.Balanced, queued, []);
    }

    private static IEnumerable<string> NotesOn(NodeCommitted? gateway, AgentLedger agent)
    {
        if (gateway is { Spools: > 1 })
        {
            yield return CommittedOf(gateway, agent) is { } present
                ? $"the gateway has {gateway.Committed - Math.Min(present, gateway.Committed)} committed of earlier spools of this name, and {present} of the present one"
                : $"the gateway counts {gateway.Spools} spools of this name, the agent only its present one";
        }

        if (agent.ReplacesLostUnixMs > 0)
        {
            var since = DateTimeOffset.FromUnixTimeMilliseconds(agent.ReplacesLostUnixMs).UtcDateTime;
            yield return FormattableString.Invariant($"since {since:yyyy-MM-dd HH:mm:ss} UTC its spool is one in place of a lost one: what that held unsent is in no count");
        }
        else if (gateway is { Spools: > 1 })
        {
            yield return "what an earlier spool held unsent when it was given up is in no count";
        }
    }

    private static bool IsTold(NodeCommitted gateway, AgentLedger agent) => gateway.HasPresentCommitted && agent.Instance.Length > 0;

    // Of the spool whose counters the agent told. Null where that is not known, or where the name has gone over to another meanwhile.
    private static ulong? CommittedOf(NodeCommitted gateway, AgentLedger agent) =>
        !IsTold(gateway, agent) ? gateway.Spools <= 1 ? gateway.Committed : null
        : gateway.PresentSpool == agent.Instance ? gateway.PresentCommitted
        : null;

    private static bool IsAhead(NodeCommitted? gateway, AgentLedger agent) =>
        gateway is not null && (CommittedOf(gateway, agent) is { } committed ? committed != agent.AckedCommitted : IsTold(gateway, agent));

    // The upper limit says nothing of an agent that is not heard: it went on after its last word.
    private static string? Compare(NodeAccount earlier, NodeAccount latest)
    {
        if (latest is not { Gateway: { } gateway, Agent: { } agent })
        {
            return null;
        }

        // All spools together have no less than one of them.
        var held = CommittedOf(gateway, agent) ?? gateway.Committed;
        if (earlier.Agent is { } before && HasSameSpool(before, agent) && held < before.AckedCommitted)
        {
            return $"the gateway committed {held}{OfWhich(gateway)}, fewer than the {before.AckedCommitted} that the agent has acknowledged";
        }

        return latest.IsHeard && earlier.Gateway is { } then
            && CommittedOf(then, agent) is { } committed && committed > agent.AckedCommitted + agent.Spooled + agent.Open
                ? $"the gateway committed {committed}{OfWhich(then)}, more than the {agent.AckedCommitted} that the agent has acknowledged, {agent.Spooled} spooled and {agent.Open} open"
                : null;

        static string OfWhich(NodeCommitted gateway) => gateway is { Spools: > 1, HasPresentCommitted: true } ? " of the present spool" : "";
    }

    // Counters that fell are those of a new spool, where an agent of an earlier release does not say.
    private static bool HasSameSpool(AgentLedger before, AgentLedger now) => before.Instance == now.Instance && now.Seen >= before.Seen;
}
