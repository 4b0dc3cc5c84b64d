using FleetVibe.Dashboard.Feed;
using FleetVibe.Dashboard.Page;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Dashboard.Tests;

public class FleetPageModelTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    [Fact]
    public void Without_a_snapshot_nothing_is_shown_as_known()
    {
        var view = FleetPageModel.From(new FeedState(null, null, "no aggregator has answered yet"), Now);

        Assert.Null(view.AgeSeconds);
        Assert.Equal("no aggregator has answered yet", view.Error);
        Assert.Empty(view.Series);
        Assert.Null(view.Gateway);
    }

    [Fact]
    public void A_window_that_is_not_committed_is_shown_as_open()
    {
        var view = FleetPageModel.From(Feed(Window(0, WindowPhase.Open), Window(10, WindowPhase.Committed), Window(20, WindowPhase.Final)), Now);

        Assert.Equal(["final", "committed", "open"], view.Series[0].Windows.Select(w => w.Phase));
        Assert.Equal([20L, 10, 0], view.Series[0].Windows.Select(w => w.Start));
    }

    [Fact]
    public void Quantiles_are_milliseconds_and_bounds_only_where_there_are_buckets()
    {
        var totals = new SeriesTotals { Requests = 3 };
        totals.ResponseTime.Record(0.5);
        totals.Ttft.AddClassic([0.1, 0.2], [0, 1, 1], 300_000);
        var window = FleetPageModel.From(Feed(Window(0, WindowPhase.Committed, totals)), Now).Series[0].Windows[0];

        Assert.Equal(500, window.ResponseTime[0]!.Estimate, 0.0055 * 500);
        Assert.Null(window.ResponseTime[0]!.Low);
        Assert.InRange(window.Ttft[0]!.Low!.Value, 98, 100);
        Assert.InRange(window.Ttft[0]!.High!.Value, 200, 203);
        Assert.Equal(200, window.Ttft[2]!.Low!.Value, 3.0);
        Assert.Null(window.Ttft[2]!.High);
    }

    [Fact]
    public void A_node_that_was_never_heard_is_unknown_and_a_source_never_read_is_neither_up_nor_down()
    {
        var snapshot = new FleetSnapshot();
        snapshot.Nodes.Add(new NodeView { Node = "gpu-1", Sources = { new SourceState { Target = "log", Kind = "json_log" } } });
        var node = FleetPageModel.From(new FeedState(snapshot, Now, null), Now).Nodes[0];

        Assert.Equal("unknown", node.State);
        Assert.Null(node.HeardSecondsAgo);
        Assert.Null(node.Sources[0].Up);
        Assert.Null(node.Sources[0].Running);
    }

    [Theory]
    [InlineData(100, 0, 0, 100, "balanced", "balanced")]
    [InlineData(100, 3, 2, 95, "underway", "5 on their way")]
    [InlineData(100, 0, 0, 97, "broken", "does not balance")]
    public void A_node_says_whether_its_ledger_balances(ulong seen, ulong open, ulong spooled, ulong committed, string state, string text)
    {
        var view = FleetPageModel.From(new FeedState(Fleet(seen, open, spooled, committed, atGateway: committed), Now, null), Now).Nodes[0].Balance;

        Assert.Equal((state, text), (view.State, view.Text));
    }

    [Fact]
    public void A_gateway_that_lacks_what_was_acknowledged_is_on_its_way_until_a_later_reading_says_the_same()
    {
        var snapshot = Fleet(100, 0, 0, 100, atGateway: 99);
        var feed = new FeedState(snapshot, Now, null);

        Assert.Equal("acknowledgements on their way", FleetPageModel.From(feed, Now).Nodes[0].Balance.Text);
        var broken = FleetPageModel.From(feed with { Earlier = snapshot }, Now).Nodes[0].Balance;
        Assert.Equal("does not balance", broken.Text);
        Assert.Equal(["the gateway committed 99, fewer than the 100 that the agent has acknowledged"], broken.Faults);
    }

    [Fact]
    public void A_node_whose_spool_replaced_a_lost_one_says_so_though_it_balances()
    {
        var snapshot = Fleet(100, 0, 0, 100, atGateway: 100);
        snapshot.Nodes[0].Ledger.ReplacesLostUnixMs = 1_795_507_200_000;
        var balance = FleetPageModel.From(new FeedState(snapshot, Now, null), Now).Nodes[0].Balance;

        Assert.Equal("balanced", balance.Text);
        Assert.Contains("held unsent is in no count", Assert.Single(balance.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void The_snapshot_to_judge_by_is_the_newest_that_is_old_enough()
    {
        var recent = new RecentSnapshots();
        FleetSnapshot At(int second) => new() { AtUnixMs = second };

        Assert.Null(recent.Take(At(0), Now));
        Assert.Null(recent.Take(At(6), Now.AddSeconds(6)));
        Assert.Equal(0, recent.Take(At(13), Now.AddSeconds(13))!.AtUnixMs);
        Assert.Equal(6, recent.Take(At(18), Now.AddSeconds(18))!.AtUnixMs);
        Assert.Equal(18, recent.Take(At(90), Now.AddSeconds(90))!.AtUnixMs);
    }

    [Theory]
    [InlineData("Bearer s3cret", "s3cret")]
    [InlineData("Basic YW55Ym9keTpzM2NyZXQ=", "s3cret")]
    [InlineData("Basic !!!", null)]
    [InlineData("", null)]
    public void The_page_takes_its_token_as_bearer_or_as_basic_password(string header, string? presented) =>
        Assert.Equal(presented, PageAccess.Presented(header));

    private static FleetSnapshot Fleet(ulong seen, ulong open, ulong spooled, ulong committed, ulong atGateway) => new()
    {
        Nodes =
        {
            new NodeView
            {
                Node = "gpu-1", Reachability = NodeReachability.Reporting,
                Ledger = new AgentLedger { Seen = seen, Open = open, Spooled = spooled, AckedCommitted = committed },
            },
        },
        Gateway = new GatewayStatus { Nodes = { new NodeCommitted { Node = "gpu-1", Committed = atGateway } } },
    };

    private static FeedState Feed(params WindowView[] windows)
    {
        var series = new SeriesView { Series = new SeriesKey { Model = "m", Task = "t" } };
        series.Windows.Add(windows);
        return new FeedState(new FleetSnapshot { Series = { series } }, Now, null);
    }

    private static WindowView Window(long start, WindowPhase phase, SeriesTotals? totals = null) =>
        new() { Start = start, Phase = phase, Totals = TotalsMapper.ToWire(totals ?? new SeriesTotals()) };
}
