using FleetVibe.Chaos.Oracle;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Chaos.Tests.Oracle;

public class JudgeLedgerTests
{
    private readonly SmallFleet _fleet = new();

    [Fact]
    public void An_agent_whose_sums_do_not_add_up_is_found()
    {
        _fleet.Change("a", n => n with { Committed = n.Committed - 1 });

        Assert.Contains(_fleet.Judge().Mismatches, m => m is { What: "seen", Where: "ledger of a" });
    }

    [Fact]
    public void An_agent_that_read_lines_twice_is_found()
    {
        _fleet.Change("a", n => n with { Seen = n.Seen + 2, Committed = n.Committed + 2 });

        Assert.Contains(_fleet.Judge().Mismatches, m => m is { What: "seen", Where: "ledger of a", Detail: "the truth about the node" });
    }

    [Fact]
    public void A_node_that_no_agent_reports_is_found()
    {
        _fleet.Nodes.RemoveAll(n => n.Node == "b");

        Assert.Contains(_fleet.Judge().Mismatches, m => m is { What: "seen", Where: "ledger of b", Detail: "no agent reports" });
    }

    [Fact]
    public void What_is_still_on_its_way_is_no_rest()
    {
        _fleet.Change("a", n => n with { Spooled = 3, Committed = n.Committed - 3 });

        Assert.Contains(_fleet.Judge().Mismatches, m => m is { Detail: "not at rest", Got: 3 });
    }

    [Fact]
    public void A_gateway_that_committed_other_than_was_acknowledged_is_found()
    {
        var verdict = _fleet.Judge(gateway => gateway with { Committed = gateway.Committed - 1 });

        Assert.Equal(2, verdict.Mismatches.Count(m => m.Where == "ledger of the gateway"));
    }

    [Fact]
    public void Points_that_wait_or_were_put_aside_are_found()
    {
        Assert.False(_fleet.Judge(gateway => gateway with { Queued = 1, Delivered = gateway.Delivered - 1 }).IsSound);
        Assert.False(_fleet.Judge(gateway => gateway with { DeadLettered = 1, Delivered = gateway.Delivered - 1 }).IsSound);
        Assert.False(_fleet.Judge(gateway => gateway with { Produced = gateway.Produced + 1 }).IsSound);
    }

    [Fact]
    public void The_numbers_are_those_of_the_snapshot()
    {
        var snapshot = new FleetSnapshot
        {
            Gateway = new GatewayStatus
            {
                Committed = 90, PointsProduced = 9, PointsQueued = 1, PointsDelivered = 5, PointsSuperseded = 2, PointsDeadLettered = 1,
                Nodes = { new NodeCommitted { Node = "a", Spools = 2 } },
            },
            Nodes =
            {
                new NodeView { Node = "a", Ledger = new AgentLedger { Seen = 103, Open = 1, Spooled = 2, AckedCommitted = 90, AckedLate = 4, AckedFuture = 2, AckedUndecodable = 1, DroppedSpoolFull = 3 } },
                new NodeView { Node = "never heard" },
            },
        };

        var numbers = FleetLedgerNumbers.From(snapshot);

        var node = Assert.Single(numbers.Nodes);
        Assert.Equal(("a", 103L, 1L, 2L, 90L, 2, 10L), (node.Node, node.Seen, node.Open, node.Spooled, node.Committed, node.Spools, node.RefusedInAll));
        Assert.Equal((4L, 3L), (node.Refused["late"], node.Refused["spool_full"]));
        Assert.Equal(new GatewayLedgerNumbers(90, 9, 1, 5, 2, 1), numbers.Gateway);
    }
}
