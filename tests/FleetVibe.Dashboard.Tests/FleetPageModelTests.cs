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
    [InlineData("Bearer s3cret", "s3cret")]
    [InlineData("Basic YW55Ym9keTpzM2NyZXQ=", "s3cret")]
    [InlineData("Basic !!!", null)]
    [InlineData("", null)]
    public void The_page_takes_its_token_as_bearer_or_as_basic_password(string header, string? presented) =>
        Assert.Equal(presented, PageAccess.Presented(header));

    private static FeedState Feed(params WindowView[] windows)
    {
        var series = new SeriesView { Series = new SeriesKey { Model = "m", Task = "t" } };
        series.Windows.Add(windows);
        return new FeedState(new FleetSnapshot { Series = { series } }, Now, null);
    }

    private static WindowView Window(long start, WindowPhase phase, SeriesTotals? totals = null) =>
        new() { Start = start, Phase = phase, Totals = TotalsMapper.ToWire(totals ?? new SeriesTotals()) };
}
