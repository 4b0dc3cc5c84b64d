using FleetVibe.Aggregator.Fleet;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Tests.Fleet;

public class FleetStateTests
{
    private readonly FleetState _state = new(TimeSpan.FromSeconds(30));

    [Fact]
    public void A_changed_window_replaces_itself_and_leaves_the_others()
    {
        _state.Take(Series(new WindowView { Start = 10, Revision = 1 }, new WindowView { Start = 20, Revision = 1 }));
        _state.Take(Series(new WindowView { Start = 10, Revision = 2 }));
        var windows = Assert.Single(_state.Snapshot(30, At(100)).Series).Windows;
        Assert.Equal([(20, 1), (10, 2)], windows.Select(window => (window.Start, (int)window.Revision)));
    }

    [Fact]
    public void Only_the_newest_windows_are_kept_and_only_as_many_as_asked_for_are_shown()
    {
        _state.Take(Series([.. Enumerable.Range(1, 100).Select(i => new WindowView { Start = i * 10 })]));
        Assert.Equal(60, Assert.Single(_state.Snapshot(1000, At(0)).Series).Windows.Count);
        Assert.Equal([1000, 990], Assert.Single(_state.Snapshot(2, At(0)).Series).Windows.Select(window => window.Start));
    }

    [Theory]
    [InlineData(30, NodeReachability.Reporting)]
    [InlineData(31, NodeReachability.Unreachable)]
    public void A_node_whose_entity_died_with_it_is_unreachable_all_the_same(int afterSeconds, NodeReachability reachability)
    {
        var view = new NodeView { Node = "a", Reachability = NodeReachability.Reporting, LastHeardUnixMs = 1_000_000 };
        _state.Take(view);
        Assert.Equal(reachability, Assert.Single(_state.Snapshot(1, At(1000 + afterSeconds)).Nodes).Reachability);
        Assert.Equal(NodeReachability.Reporting, view.Reachability);
    }

    [Fact]
    public void A_node_that_is_gone_for_a_day_is_shown_no_more()
    {
        _state.Take(new NodeView { Node = "a", LastHeardUnixMs = 1_000_000 });
        Assert.Empty(_state.Snapshot(1, At(1000 + 86_401)).Nodes);
    }

    [Fact]
    public void Series_and_nodes_that_are_gone_are_forgotten_not_only_hidden()
    {
        const long Day = 86_400;
        var other = new SeriesKey { Model = "other", Task = "default" };
        _state.Take(Series(new WindowView { Start = Day }));
        _state.Take(new SeriesView { Series = other, Windows = { new WindowView { Start = Day }, new WindowView { Start = Day + 10 } } });
        _state.Take(new NodeView { Node = "gone", LastHeardUnixMs = 7_209_999 });
        _state.Take(new NodeView { Node = "here", LastHeardUnixMs = 7_210_000 });

        _state.ForgetGone(At(Day + 7_210));
        var earlier = _state.Snapshot(30, At(Day));
        Assert.Equal(other, Assert.Single(earlier.Series).Series);
        Assert.Equal("here", Assert.Single(earlier.Nodes).Node);
    }

    [Fact]
    public void A_series_without_a_window_of_the_last_two_hours_is_shown_no_more()
    {
        _state.Take(Series(new WindowView { Start = 1000 }));
        Assert.Single(_state.Snapshot(1, At(1000 + 7200)).Series);
        Assert.Empty(_state.Snapshot(1, At(1000 + 7201)).Series);
    }

    [Fact]
    public void Every_change_raises_the_version()
    {
        _state.Take(new NodeView { Node = "a" });
        var version = _state.Version;
        _state.Take(Series(new WindowView { Start = 10 }));
        Assert.True(_state.Version > version);
    }

    private static DateTimeOffset At(long unixSeconds) => DateTimeOffset.FromUnixTimeSeconds(unixSeconds);

    private static SeriesView Series(params WindowView[] windows) => new() { Series = Wire.Series, Windows = { windows } };
}
