using CsCheck;
using FleetVibe.Protocol.Ledger;
using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Protocol.Tests.Ledger;

public class LedgerBalanceTests
{
    [Theory]
    // seen, open, spooled, committed, late, future, undecodable; at the gateway; the verdict and what is on its way.
    [InlineData(0, 0, 0, 0, 0, 0, 0, 0, BalanceState.Balanced, 0)]
    [InlineData(100, 0, 0, 96, 2, 1, 1, 96, BalanceState.Balanced, 0)]
    [InlineData(100, 3, 2, 95, 0, 0, 0, 95, BalanceState.UnderWay, 5)]
    [InlineData(100, 0, 5, 95, 0, 0, 0, 100, BalanceState.UnderWay, 5)]
    [InlineData(100, 5, 0, 95, 0, 0, 0, 100, BalanceState.UnderWay, 5)]
    [InlineData(99, 3, 2, 95, 0, 0, 0, 95, BalanceState.Broken, 5)]
    [InlineData(101, 0, 0, 96, 2, 1, 1, 96, BalanceState.Broken, 0)]
    [InlineData(100, 0, 0, 100, 0, 0, 0, 99, BalanceState.Broken, 0)]
    [InlineData(100, 3, 2, 95, 0, 0, 0, 101, BalanceState.Broken, 5)]
    public void A_node_at_one_moment(
        ulong seen, ulong open, ulong spooled, ulong committed, ulong late, ulong future, ulong undecodable, ulong atGateway, BalanceState state, ulong onTheWay)
    {
        var account = Account(Agent(seen, open, spooled, committed, late, future, undecodable), atGateway);
        var balance = LedgerBalance.Of(account, account);

        Assert.Equal(state, balance.State);
        Assert.Equal(onTheWay, balance.OnTheWay);
        Assert.Equal(state == BalanceState.Broken, balance.Faults.Count > 0);
    }

    [Fact]
    public void What_is_wrong_is_said_with_its_figures()
    {
        Assert.Equal(
            ["seen 99 is not open 3 + spooled 2 + committed 95 + refused 0", "the gateway committed 101, more than the 95 that the agent has acknowledged, 2 spooled and 3 open"],
            Judge(Account(Agent(99, 3, 2, 95), 101)).Faults);
        Assert.Equal(
            ["the gateway committed 94, fewer than the 95 that the agent has acknowledged"],
            Judge(Account(Agent(95, 0, 0, 95), 94)).Faults);
    }

    [Fact]
    public void What_a_full_spool_dropped_is_a_part_of_what_was_seen()
    {
        var agent = Agent(100, 0, 0, 90);
        agent.DroppedSpoolFull = 10;
        Assert.Equal(BalanceState.Balanced, Judge(Account(agent, 90)).State);
        agent.DroppedSpoolFull = 9;
        Assert.Equal(BalanceState.Broken, Judge(Account(agent, 90)).State);
    }

    [Fact]
    public void Sides_that_were_read_at_different_moments_break_nothing_until_a_later_reading_agrees()
    {
        // The agent's heartbeat is newer than the gateway's status.
        var first = Account(Agent(100, 0, 0, 100), 90);
        var balance = LedgerBalance.Of(null, first);
        Assert.Equal((BalanceState.UnderWay, true), (balance.State, balance.NeedsLaterReading));

        // Both went on, and the status is behind again, but beyond what was acknowledged then.
        Assert.Equal(BalanceState.UnderWay, LedgerBalance.Of(first, Account(Agent(200, 0, 0, 200), 190)).State);
        Assert.Equal(BalanceState.Broken, LedgerBalance.Of(first, Account(Agent(200, 0, 0, 200), 99)).State);

        // The other way round: the status is newer.
        first = Account(Agent(100, 0, 0, 100), 120);
        Assert.Equal(BalanceState.UnderWay, LedgerBalance.Of(first, Account(Agent(200, 0, 0, 200), 230)).State);
        Assert.Equal(BalanceState.Broken, LedgerBalance.Of(first, Account(Agent(119, 0, 0, 119), 120)).State);
    }

    [Fact]
    public void An_agent_that_is_not_heard_is_unknown_and_not_broken_by_what_came_after_its_last_word()
    {
        Assert.Equal(BalanceState.NotHeard, Judge(new NodeAccount("a", null, true, new NodeCommitted())).State);
        Assert.Equal(BalanceState.NotHeard, Judge(Account(Agent(100, 0, 5, 95), 120) with { IsHeard = false }).State);
        Assert.Equal(BalanceState.Broken, Judge(Account(Agent(95, 0, 0, 95), 94) with { IsHeard = false }).State);
    }

    [Fact]
    public void After_a_new_spool_the_gateway_may_have_more_than_the_agent_knows_but_not_less()
    {
        var account = Account(Agent(10, 0, 0, 10), 500);
        Assert.Equal(BalanceState.Broken, Judge(account).State);

        account.Gateway!.Spools = 2;
        var balance = Judge(account);
        Assert.Equal(BalanceState.Balanced, balance.State);
        Assert.Equal(["the gateway counts 2 spools of this name, the agent only its present one", "what an earlier spool held unsent when it was given up is in no count"], balance.Notes);
        Assert.True(balance.IsHalfChecked);

        account.Gateway.Committed = 9;
        Assert.Equal(BalanceState.Broken, Judge(account).State);

        // Between two readings the spool was lost and begun again.
        Assert.Equal(BalanceState.Balanced, LedgerBalance.Of(Account(Agent(700, 0, 0, 700), 500), account with { Gateway = new NodeCommitted { Committed = 700, Spools = 2 } }).State);
    }

    [Fact]
    public void A_spool_is_compared_with_what_the_gateway_has_of_that_spool()
    {
        var (present, earlier) = (ByteString.CopyFrom(2), ByteString.CopyFrom(1));
        NodeAccount Of(ByteString agents, ulong acked, ByteString gateways, ulong presentCommitted, ulong committed, uint spools = 2)
        {
            var agent = Agent(acked, 0, 0, acked);
            agent.Instance = agents;
            var gateway = new NodeCommitted { Node = "a", Committed = committed, Spools = spools, PresentSpool = gateways, PresentCommitted = presentCommitted };
            return new NodeAccount("a", agent, true, gateway);
        }

        var balance = Judge(Of(present, 12, present, 12, 40));
        Assert.Equal((BalanceState.Balanced, true, false), (balance.State, balance.FollowsAnother, balance.IsHalfChecked));
        Assert.Equal("the gateway has 28 committed of earlier spools of this name, and 12 of the present one", balance.Notes[0]);
        Assert.Equal(
            ["the gateway committed 24 of the present spool, more than the 12 that the agent has acknowledged, 0 spooled and 0 open"],
            Judge(Of(present, 12, present, 24, 52)).Faults);
        Assert.Equal(
            ["the gateway committed 11 of the present spool, fewer than the 12 that the agent has acknowledged"],
            Judge(Of(present, 12, present, 11, 40)).Faults);

        // The new spool holds the name and has sent nothing, or is not heard yet.
        Assert.Equal(BalanceState.Balanced, Judge(Of(present, 0, present, 0, 500, spools: 1)).State);
        Assert.Equal(BalanceState.UnderWay, Judge(Of(earlier, 28, present, 0, 28)).State);
        Assert.Equal(BalanceState.Balanced, LedgerBalance.Of(Of(earlier, 28, earlier, 28, 28, spools: 1), Of(present, 29, present, 29, 57)).State);
    }

    [Fact]
    public void A_spool_in_place_of_a_lost_one_says_since_when_and_what_nobody_counts()
    {
        var agent = Agent(10, 0, 0, 10);
        agent.ReplacesLostUnixMs = 1_795_507_200_000;
        var balance = Judge(Account(agent, 10));

        Assert.Equal((BalanceState.Balanced, true), (balance.State, balance.FollowsAnother));
        Assert.Equal(["since 2026-11-24 08:00:00 UTC its spool is one in place of a lost one: what that held unsent is in no count"], balance.Notes);
        Assert.False(Judge(Account(Agent(10, 0, 0, 10), 10)).FollowsAnother);
    }

    [Fact]
    public void Without_a_gateway_only_the_agents_own_sum_is_judged()
    {
        Assert.Equal(BalanceState.Balanced, Judge(new NodeAccount("a", Agent(10, 0, 0, 10), true, null)).State);
        Assert.Equal(BalanceState.Broken, Judge(new NodeAccount("a", Agent(11, 0, 0, 10), true, null)).State);
    }

    // A request is seen, spooled, committed and acknowledged, in this order; a reading takes each side at any moment.
    [Fact]
    public void No_true_history_is_ever_called_broken() => Gen.Int[0, 3].Array[400].Select(Gen.Int[0, 399].Array[4], (steps, cuts) => (steps, cuts)).Sample(sample =>
    {
        var (steps, cuts) = sample;
        Array.Sort(cuts);
        var history = new List<(AgentLedger Agent, ulong Committed)>();
        ulong seen = 0, closed = 0, committed = 0, acked = 0;
        foreach (var step in steps)
        {
            _ = step switch
            {
                0 => seen++,
                1 when closed < seen => closed++,
                2 when committed < closed => committed++,
                3 when acked < committed => acked++,
                _ => 0UL,
            };
            history.Add((Agent(seen, seen - closed, closed - acked, acked), committed));
        }

        // In each reading either side may be the older one.
        foreach (var (a1, g1, a2, g2) in new[] { (0, 1, 2, 3), (1, 0, 3, 2), (0, 1, 3, 2), (1, 0, 2, 3) })
        {
            var earlier = Account(history[cuts[a1]].Agent, history[cuts[g1]].Committed);
            var latest = Account(history[cuts[a2]].Agent, history[cuts[g2]].Committed);
            Assert.NotEqual(BalanceState.Broken, LedgerBalance.Of(earlier, latest).State);
            Assert.NotEqual(BalanceState.Broken, LedgerBalance.Of(null, latest).State);
        }
    });

    [Theory]
    [InlineData(10, 0, 9, 1, 0, BalanceState.Balanced)]
    [InlineData(10, 2, 7, 1, 0, BalanceState.UnderWay)]
    [InlineData(11, 0, 9, 1, 0, BalanceState.Broken)]
    [InlineData(9, 0, 9, 1, 0, BalanceState.Broken)]
    public void Points(ulong produced, ulong queued, ulong delivered, ulong superseded, ulong dead, BalanceState state) =>
        Assert.Equal(state, LedgerBalance.OfPoints(new GatewayStatus
        {
            PointsProduced = produced, PointsQueued = queued, PointsDelivered = delivered, PointsSuperseded = superseded, PointsDeadLettered = dead,
        }).State);

    [Fact]
    public void The_gateways_totals_are_the_sums_over_its_nodes()
    {
        var gateway = new GatewayStatus { Committed = 30, Late = 1, Nodes = { new NodeCommitted { Node = "a", Committed = 10 }, new NodeCommitted { Node = "b", Committed = 20, Late = 1 } } };
        Assert.Equal(BalanceState.Balanced, LedgerBalance.OfGateway(gateway).State);

        (gateway.Committed, gateway.Undecodable) = (31, 2);
        Assert.Equal(["31 requests committed in all, 30 over the nodes", "2 requests undecodable in all, 0 over the nodes"], LedgerBalance.OfGateway(gateway).Faults);

        (gateway.Committed, gateway.Undecodable, gateway.Nodes[1].SpoolsCommitted) = (30, 0, 10);
        Assert.Equal(["20 requests of b committed in all, 10 over its spools"], LedgerBalance.OfGateway(gateway).Faults);
    }

    [Fact]
    public void A_fleets_accounts_are_all_that_an_agent_or_the_gateway_knows()
    {
        var fleet = new FleetSnapshot
        {
            Nodes = { new NodeView { Node = "b", Reachability = NodeReachability.Reporting, Ledger = new AgentLedger() }, new NodeView { Node = "c" } },
            Gateway = new GatewayStatus { Nodes = { new NodeCommitted { Node = "a", Committed = 1 } } },
        };

        Assert.Equal(
            [("a", false, false, 1UL), ("b", true, true, 0UL), ("c", false, false, 0UL)],
            NodeAccount.From(fleet).Select(a => (a.Node, a.Agent is not null, a.IsHeard, a.Gateway!.Committed)));
        fleet.Gateway = null;
        Assert.All(NodeAccount.From(fleet), a => Assert.Null(a.Gateway));
    }

    private static Balance Judge(NodeAccount account) => LedgerBalance.Of(account, account);

    private static NodeAccount Account(AgentLedger agent, ulong atGateway) =>
        new("a", agent, true, new NodeCommitted { Node = "a", Committed = atGateway, Spools = 1 });

    private static AgentLedger Agent(ulong seen, ulong open, ulong spooled, ulong committed, ulong late = 0, ulong future = 0, ulong undecodable = 0) => new()
    {
        Seen = seen, Open = open, Spooled = spooled, AckedCommitted = committed, AckedLate = late, AckedFuture = future, AckedUndecodable = undecodable,
    };
}
