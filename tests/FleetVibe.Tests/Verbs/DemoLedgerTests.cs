using FleetVibe.Protocol.V1;
using FleetVibe.Verbs.Demo;

namespace FleetVibe.Tests.Verbs;

public class DemoLedgerTests
{
    [Fact]
    public void A_ledger_at_rest_that_adds_up_balances()
    {
        var ledger = Ledger();

        Assert.True(ledger.IsAtRest);
        Assert.Empty(ledger.Imbalances);
    }

    [Theory]
    [InlineData("seen", "node-a: its server served 100 requests, its agent saw 99")]
    [InlineData("term", "node-a: seen 100 is not open 0 + spooled 0 + committed 95 + refused 4")]
    [InlineData("open", "node-a: 1 requests are still open and 0 spooled")]
    [InlineData("gateway", "node-a: the gateway committed 95, fewer than the 96 that the agent has acknowledged")]
    [InlineData("fleet", "gateway: 97 requests committed in all, 96 over the nodes")]
    [InlineData("points", "points: 11 produced is not 0 queued + 9 delivered + 1 superseded + 0 dead-lettered")]
    [InlineData("dead", "points: 1 were refused for good")]
    [InlineData("queued", "points: 1 are still queued (backing_off HTTP 503)")]
    [InlineData("sink", "Telegraf: 95 requests in vibe_fleet, 96 committed")]
    public void What_does_not_add_up_is_named(string mistake, string expected)
    {
        var ledger = Ledger(agent: a =>
        {
            switch (mistake)
            {
                case "seen":
                    (a.Seen, a.AckedLate) = (99, 3);
                    break;
                case "term":
                    a.AckedCommitted = 95;
                    break;
                case "open":
                    (a.Open, a.AckedLate) = (1, 3);
                    break;
                default:
                    break;
            }
        }, gateway: g =>
        {
            switch (mistake)
            {
                case "gateway":
                    g.Nodes[0].Committed = 95;
                    break;
                case "fleet":
                    g.Committed = 97;
                    break;
                case "points":
                    g.PointsProduced = 11;
                    break;
                case "dead":
                    (g.PointsDeadLettered, g.PointsDelivered) = (1, 8);
                    break;
                case "queued":
                    (g.PointsQueued, g.PointsDelivered, g.DeliveryState, g.DeliveryError) = (1, 8, "backing_off", "HTTP 503");
                    break;
                default:
                    break;
            }
        }, sink: mistake == "sink" ? 95 : 96);

        Assert.Contains(expected, ledger.Imbalances);
    }

    [Fact]
    public void A_node_that_was_not_heard_is_no_balance() =>
        Assert.Contains("node-b: its agent was not heard", DemoLedger.From([("node-b", 1)], new FleetSnapshot(), new GatewayStatus(), null).Imbalances);

    [Fact]
    public void Both_ledgers_are_shown_beside_what_was_served()
    {
        var text = new StringWriter { NewLine = "\n" };
        Ledger().Write(text);

        Golden.Check("demo-ledger", text.ToString());
        Assert.Contains("10 = 0 + 9 + 1 + 0", text.ToString(), StringComparison.Ordinal);
        Assert.Contains("Telegraf: 96 requests in vibe_fleet (window=10s), of 96 committed, of 100 served", text.ToString(), StringComparison.Ordinal);
    }

    private static DemoLedger Ledger(Action<AgentLedger>? agent = null, Action<GatewayStatus>? gateway = null, long sink = 96)
    {
        var ledger = new AgentLedger { Seen = 100, AckedCommitted = 96, AckedLate = 4 };
        agent?.Invoke(ledger);
        var status = new GatewayStatus
        {
            Committed = 96, PointsProduced = 10, PointsDelivered = 9, PointsSuperseded = 1, Nodes = { new NodeCommitted { Node = "node-a", Committed = 96 } },
        };
        gateway?.Invoke(status);
        var fleet = new FleetSnapshot { Nodes = { new NodeView { Node = "node-a", Ledger = ledger } } };
        return DemoLedger.From([("node-a", 100)], fleet, status, sink);
    }
}
