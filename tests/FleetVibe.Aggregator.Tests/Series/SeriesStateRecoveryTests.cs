using FleetVibe.Aggregator.Series;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;

namespace FleetVibe.Aggregator.Tests.Series;

/// <summary>Lost swaps and answers, other owners, and what is loaded and shown.</summary>
public class SeriesStateRecoveryTests : SeriesStateKit
{
    [Fact]
    public void After_a_lost_swap_the_window_is_forgotten_and_loaded_again()
    {
        StartWith("a", "b");
        Now = At(W + 20);
        Merge("a", 1, W + 10, 3);

        // Another owner commits b meanwhile, from a base that this one has not seen.
        var other = new SeriesState(Wire.Series, new SeriesRules());
        other.OpenWindowsLoaded(new LoadOpenWindowsReply { LogId = "log" }, Now);
        other.Merge(Wire.Merge("b", 1, W + 10, Wire.Totals(4)), "other", Now);
        Drive(other);

        TickAt(W + 24);
        Assert.Empty(Settled());
        Assert.Equal(1, Gateway.LostSwaps);
        Assert.Equal(4u, Window(W + 10).Totals.Requests);

        TickAt(W + 25);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 26);
        Assert.Single(Settled());
        Assert.Equal(7u, Window(W + 10).Totals.Requests);
    }

    [Fact]
    public void A_commit_whose_answer_was_lost_is_found_done()
    {
        StartWith("a");
        HoldsCommits = true;
        Now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        var commit = Assert.Single(Seen.OfType<SeriesEffect.Commit>());
        Gateway.Commit(commit.Request);
        HoldsCommits = false;
        State.CommitFailed(WindowId.Base(W + 10), commit.Ticket, Now);
        TickAt(W + 21);
        Assert.Empty(Settled());
        TickAt(W + 23);
        Merge("a", 1, W + 10, 3);
        Assert.True(Assert.Single(Settled()).Duplicate);
        Assert.Equal(3u, Window(W + 10).Totals.Requests);
    }

    [Fact]
    public void A_new_owner_takes_over_open_windows_and_expected_hosts()
    {
        StartWith("a", "b");
        Now = At(W + 24);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 24.5);

        State = new SeriesState(Wire.Series, new SeriesRules());
        Now = At(W + 40);
        State.OpenWindowsLoaded(Gateway.LoadOpen(Wire.Series), Now);
        Run();
        TickAt(W + 45);
        Assert.Equal(["a", "b"], Window(W + 30).ExpectedHosts);
        Merge("b", 7, W + 10, 4);
        TickAt(W + 46);
        Assert.Equal(7u, Window(W + 10).Totals.Requests);
        TickAt(W + 80);
        Assert.True(Window(W + 10).Final);
    }

    [Fact]
    public void At_most_eight_windows_are_loaded_at_once_the_newest_first()
    {
        State.Start();
        State.OpenWindowsLoaded(new LoadOpenWindowsReply(), At(W));
        State.TakeEffects();
        for (var i = 1; i <= 20; i++)
        {
            State.Merge(Wire.Merge("a", (ulong)i, W - 1000 - (i * 10), Wire.Totals(1)), "session", At(W));
        }

        Assert.Equal(8, State.TakeEffects().OfType<SeriesEffect.Load>().Count());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_part_that_is_sent_again_while_its_window_is_not_loaded_takes_no_more_room(bool isEarly)
    {
        StartWithRoomFor(new SeriesRules { MaxWaiting = 2 }, isEarly);
        for (var copy = 0; copy < 5; copy++)
        {
            Offer("a", requests: 3);
        }

        Offer("b", requests: 4);
        Offer("c", requests: 5);
        Load(isEarly);
        Assert.Equal(["a", "b"], Settled().Select(settled => settled.Record.Node));
        Assert.Equal(7u, Window(W).Totals.Requests);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_waits_for_windows_that_are_not_loaded_is_bounded_in_bytes(bool isEarly)
    {
        var size = Wire.Merge("a", 1, W, Wire.Totals(3)).CalculateSize();
        StartWithRoomFor(new SeriesRules { MaxWaitingBytes = (2 * size) + 1 }, isEarly);
        foreach (var host in new[] { "a", "b", "c", "a" })
        {
            Offer(host, requests: 3);
        }

        Load(isEarly);
        Assert.Equal(["a", "b"], Settled().Select(settled => settled.Record.Node).Order(StringComparer.Ordinal));

        // What was taken out makes room.
        Offer("c", requests: 3);
        Run();
        TickAt(W + 102);
        Assert.Equal(3, Settled().Count);
    }

    [Fact]
    public void What_failed_is_tried_again_in_time_when_the_clock_is_set_back()
    {
        State.Start();
        State.TakeEffects();
        State.OpenWindowsFailed(At(W));
        State.Tick(At(W + 1).SetBack());
        Assert.IsType<SeriesEffect.LoadOpen>(Assert.Single(State.TakeEffects()));

        State.OpenWindowsLoaded(new LoadOpenWindowsReply(), At(W + 1).SetBack());
        State.Merge(Wire.Merge("a", 1, W - 50_000, Wire.Totals(3)), "session", At(W + 1).SetBack());
        var load = Assert.IsType<SeriesEffect.Load>(Assert.Single(State.TakeEffects()));
        State.WindowLoadFailed(load.Window, load.Ticket, At(W + 1).SetBack());
        State.Tick(At(W + 2).SetBack(2));
        load = Assert.IsType<SeriesEffect.Load>(Assert.Single(State.TakeEffects()));

        State.WindowLoaded(load.Window, load.Ticket, Gateway.Load(load.Window.ToWire(Wire.Series)), At(W + 2).SetBack(2));
        State.Tick(At(W + 3).SetBack(3));
        var commit = Assert.IsType<SeriesEffect.Commit>(Assert.Single(State.TakeEffects()));
        State.CommitFailed(commit.Window, commit.Ticket, At(W + 3).SetBack(3));
        State.Tick(At(W + 5).SetBack(4));
        Assert.IsType<SeriesEffect.Commit>(Assert.Single(State.TakeEffects()));
    }

    [Fact]
    public void Windows_are_due_once_more_after_the_clock_was_set_back()
    {
        StartWith("a");
        TickAt(W + 24);
        Assert.NotNull(Window(W + 10));

        TickAt(At(W + 34).SetBack());
        State.Declare(new DeclareHost { Series = Wire.Series, Host = "a" }, Now);
        TickAt(At(W + 54).SetBack());
        Assert.Equal(["a"], Window(W - 3600 + 40).ExpectedHosts);
    }

    [Fact]
    public void A_part_that_was_refused_before_is_never_merged()
    {
        StartWith("a");
        var merge = Wire.Merge("a", 1, W + 10, Wire.Totals(3));
        Gateway.Refuse(new RefusePartRequest
        {
            Key = merge.Key,
            Part = new Contributor { Record = merge.Record, Requests = 3, ContentHash = merge.ContentHash },
            Fate = Fate.Future,
        });
        Now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        Assert.Equal(Fate.Future, Assert.Single(Settled()).Fate);
    }

    [Fact]
    public void An_open_window_shows_merged_figures_and_those_of_hosts_that_are_not_in()
    {
        StartWith("a", "b");
        Now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        foreach (var host in new[] { "a", "b" })
        {
            State.Declare(
                new DeclareHost
                {
                    Series = Wire.Series,
                    Host = host,
                    Open = { new OpenWindow { WindowStart = W + 10, Totals = new WindowTotals { Requests = 5 } } },
                },
                Now);
        }

        var window = Assert.Single(State.TakeView(Now, all: true).Windows, window => window.Start == W + 10);
        Assert.Equal(WindowPhase.Open, window.Phase);
        Assert.Equal(8u, window.Totals.Requests);
        Assert.Equal(["b"], window.MissingHosts);
        Assert.Empty(Gateway.Windows);
    }

    [Fact]
    public void A_coalesced_contribution_goes_to_the_window_of_its_own_level_and_waits_for_nobody()
    {
        StartWith("a", "b");
        const long Minute = 999_960;
        Assert.Equal(Minute, WindowLevels.StartOf(WindowLevel._1M, W));
        Now = At(W + 70);
        Merge("a", 1, Minute, 3, WindowLevel._1M);
        Merge("a", 2, Minute, 2);
        TickAt(W + 71.1);

        Assert.Equal(2, Settled().Count);
        var coalesced = Gateway.Windows[(Wire.Series, WindowLevel._1M, Minute)];
        Assert.Equal((3u, 1u, false), ((uint)coalesced.Totals.Requests, (uint)coalesced.Revision, coalesced.Final));
        Assert.Equal(["a"], coalesced.ExpectedHosts);
        Assert.Equal(2u, Window(Minute).Totals.Requests);
        Assert.Equal(2u, Assert.Single(State.TakeView(Now, all: true).Windows, window => window.Start == Minute).Totals.Requests);

        TickAt(Minute + 60 + 60);
        Assert.True(Gateway.Windows[(Wire.Series, WindowLevel._1M, Minute)].Final);
        Merge("b", 1, Minute, 4, WindowLevel._1M);
        TickAt(Minute + 60 + 62);
        coalesced = Gateway.Windows[(Wire.Series, WindowLevel._1M, Minute)];
        Assert.Equal((7u, 4u), ((uint)coalesced.Totals.Requests, (uint)coalesced.Backfilled));
        Assert.Equal(["a", "b"], coalesced.ExpectedHosts);
    }

    [Fact]
    public void No_larger_window_is_committed_to_which_nobody_contributed()
    {
        StartWith("a");
        for (var t = 10; t <= 3700; t += 10)
        {
            TickAt(W + t);
        }

        Assert.All(Gateway.Windows.Keys, key => Assert.Equal(WindowLevel._10S, key.Level));
    }

    [Fact]
    public void A_new_owner_makes_a_coalesced_window_final_and_expects_its_hosts_nowhere_else()
    {
        StartWith();
        Now = At(W + 500);
        Merge("gone", 1, 999_900, 3, WindowLevel._5M);
        TickAt(W + 502);
        State = new SeriesState(Wire.Series, new SeriesRules());
        State.OpenWindowsLoaded(Gateway.LoadOpen(Wire.Series), Now);
        TickAt(W + 600);

        Assert.True(Assert.Single(Gateway.Windows).Value.Final);
    }

    private void StartWithRoomFor(SeriesRules rules, bool isEarly)
    {
        Now = At(W + 100);
        State = new SeriesState(Wire.Series, rules);
        State.Start();
        if (!isEarly)
        {
            State.OpenWindowsLoaded(new LoadOpenWindowsReply(), Now);
        }

        State.TakeEffects();
    }

    private void Offer(string node, int requests) => State.Merge(Wire.Merge(node, 1, W, Wire.Totals(requests)), node, Now);

    private void Load(bool isEarly)
    {
        if (isEarly)
        {
            State.OpenWindowsLoaded(new LoadOpenWindowsReply(), Now);
        }

        Run();
        TickAt(W + 101);
    }

    [Fact]
    public void A_large_view_is_published_in_parts_that_fit_a_frame()
    {
        var view = new SeriesView { Series = Wire.Series };
        view.Windows.AddRange(Enumerable.Range(0, 50).Select(i => new WindowView { Start = i, MissingHosts = { new string('h', 1000) } }));
        var parts = SeriesViews.InParts(view, 10_000).ToList();
        Assert.All(parts, part => Assert.InRange(part.CalculateSize(), 1, 11_000));
        Assert.Equal(view.Windows, parts.SelectMany(part => part.Windows));
        Assert.Empty(SeriesViews.InParts(new SeriesView(), 10));
    }
}
