using FleetVibe.Aggregator.Series;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;

namespace FleetVibe.Aggregator.Tests.Series;

public class SeriesStateTests
{
    private const long W = 1_000_000;
    private readonly ModelGateway _gateway = new();
    private readonly List<SeriesEffect> _seen = [];
    private SeriesState _state = new(Wire.Series, new SeriesRules());
    private DateTimeOffset _now = At(W);
    private bool _holdsCommits;

    [Fact]
    public void Nothing_is_answered_before_the_gateway_told_what_is_open()
    {
        _state.Start();
        var asked = _state.TakeEffects();
        _state.Merge(Wire.Merge("a", 1, W, Wire.Totals(3)), "session", At(W + 20));

        Assert.IsType<SeriesEffect.LoadOpen>(Assert.Single(asked));
        Assert.Empty(_state.TakeEffects());

        _now = At(W + 20);
        _state.OpenWindowsLoaded(_gateway.LoadOpen(Wire.Series), _now);
        Run();
        Assert.Equal(Fate.Committed, Assert.Single(Settled()).Fate);
    }

    [Fact]
    public void A_window_is_committed_as_soon_as_every_expected_host_is_in()
    {
        StartWith("a", "b");
        _now = At(W + 20.1);
        Merge("a", 1, W + 10, 3);
        Assert.Empty(Settled());

        Merge("b", 1, W + 10, 4);
        Assert.Equal(2, Settled().Count);
        Assert.Equal(7u, Window(W + 10).Totals.Requests);
        Assert.Equal(["a", "b"], Window(W + 10).ExpectedHosts);
        Assert.Equal(1u, Window(W + 10).Revision);
    }

    [Fact]
    public void A_window_waits_for_a_silent_host_until_its_grace_is_over()
    {
        StartWith("a", "b");
        _now = At(W + 21);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 23.9);
        Assert.Empty(Settled());

        TickAt(W + 24);
        Assert.Single(Settled());
        Assert.Equal(["a", "b"], Window(W + 10).ExpectedHosts);
    }

    [Fact]
    public void A_window_to_which_nobody_contributes_is_committed_while_somebody_is_expected()
    {
        StartWith("a");
        TickAt(W + 24);
        Assert.Equal(1u, Window(W + 10).Revision);
        Assert.Equal(0u, Window(W + 10).Totals.Requests);
        Assert.Equal(["a"], Window(W + 10).ExpectedHosts);
    }

    [Fact]
    public void A_host_is_not_expected_in_windows_that_began_before_it_came()
    {
        StartWith("a");
        TickAt(W + 24);
        Assert.DoesNotContain((Wire.Series, WindowLevel._10S, W), _gateway.Windows.Keys);
        Assert.Contains((Wire.Series, WindowLevel._10S, W + 10), _gateway.Windows.Keys);
    }

    [Fact]
    public void A_host_that_was_not_heard_for_an_hour_is_expected_no_more()
    {
        StartWith("a", "b");
        for (var t = 10; t <= 3700; t += 10)
        {
            _now = At(W + t);
            _state.Declare(new DeclareHost { Series = Wire.Series, Host = "a" }, _now);
            TickAt(W + t);
        }

        Assert.Equal(["a", "b"], Window(W + 3580).ExpectedHosts);
        Assert.Equal(["a"], Window(W + 3670).ExpectedHosts);
    }

    [Fact]
    public void A_host_whose_source_was_taken_out_is_expected_no_more()
    {
        StartWith("a", "b");
        TickAt(W + 24);
        Assert.Equal(["a", "b"], Window(W + 10).ExpectedHosts);
        _state.Declare(new DeclareHost { Series = Wire.Series, Host = "b", Withdrawn = true }, At(W + 31));
        TickAt(W + 44);
        Assert.Equal(["a"], Window(W + 30).ExpectedHosts);

        _state.Declare(new DeclareHost { Series = Wire.Series, Host = "b" }, At(W + 50));
        TickAt(W + 74);
        Assert.Equal(["a", "b"], Window(W + 60).ExpectedHosts);
    }

    [Fact]
    public void A_contribution_that_is_only_merged_is_held_and_not_settled()
    {
        StartWith("a", "b");
        _now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        Merge("a", 1, W + 10, 3);
        Assert.Empty(Settled());
        Assert.Single(_seen.OfType<SeriesEffect.Answer>(), answer => answer.Message is ContributionHeld);
    }

    [Fact]
    public void A_contribution_that_is_committed_is_settled_again_and_counts_once()
    {
        StartWith("a");
        _now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 22);
        Assert.Equal([false, true], Settled().Select(settled => settled.Duplicate));
        Assert.Equal(3u, Window(W + 10).Totals.Requests);
        Assert.Equal(1u, Window(W + 10).Revision);
    }

    [Fact]
    public void A_record_id_with_other_content_is_refused_and_raises_an_alarm()
    {
        StartWith("a");
        _now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        Merge("a", 1, W + 10, 4);
        Assert.Single(_seen.OfType<SeriesEffect.Alarm>());
        var refusal = Assert.Single(_seen.OfType<SeriesEffect.Refuse>());
        Assert.True(refusal.Forged);
        Assert.Equal(3u, Window(W + 10).Totals.Requests);
    }

    [Fact]
    public void A_later_contribution_makes_a_further_revision()
    {
        StartWith("a", "b");
        _now = At(W + 24);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 24.3);
        _now = At(W + 30);
        Merge("b", 1, W + 10, 4);
        Assert.Equal(1u, Window(W + 10).Revision);
        TickAt(W + 30.25);
        Assert.Equal(2u, Window(W + 10).Revision);
        Assert.Equal(7u, Window(W + 10).Totals.Requests);
        Assert.False(Window(W + 10).Final);
        Assert.Equal(0u, Window(W + 10).Backfilled);
    }

    [Fact]
    public void A_window_becomes_final_without_a_new_contribution()
    {
        StartWith("a");
        _now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 79.9);
        Assert.False(Window(W + 10).Final);
        TickAt(W + 80);
        Assert.True(Window(W + 10).Final);
        Assert.Equal(2u, Window(W + 10).Revision);
    }

    [Fact]
    public void What_comes_after_the_end_is_back_fill_and_waits_for_company()
    {
        StartWith("a");
        _now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 80);
        _now = At(W + 500);
        Merge("b", 1, W + 10, 4);
        TickAt(W + 500.9);
        Assert.Equal(2u, Window(W + 10).Revision);
        TickAt(W + 501);
        Assert.Equal(3u, Window(W + 10).Revision);
        Assert.True(Window(W + 10).Final);
        Assert.Equal(4u, Window(W + 10).Backfilled);
        Assert.True(_seen.OfType<SeriesEffect.Commit>().Last().Request.Deferrable);
    }

    [Fact]
    public void An_old_window_that_was_never_committed_expects_its_contributors_alone()
    {
        StartWith("a", "b");
        _now = At(W + 500);
        Merge("a", 1, W + 100, 3);
        TickAt(W + 501);
        Assert.Equal(["a"], Window(W + 100).ExpectedHosts);
        Assert.True(Window(W + 100).Final);
    }

    [Fact]
    public void A_window_kept_through_an_outage_of_the_gateway_still_expects_its_hosts()
    {
        StartWith("a", "b");
        _holdsCommits = true;
        _now = At(W + 24);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 24.5);
        var commit = _seen.OfType<SeriesEffect.Commit>().First(effect => effect.Window == WindowId.Base(W + 10));
        _holdsCommits = false;
        _state.CommitFailed(WindowId.Base(W + 10), commit.Ticket, At(W + 200));
        TickAt(W + 201);
        Assert.Equal(["a", "b"], Window(W + 10).ExpectedHosts);
        Assert.Single(Settled());
    }

    [Fact]
    public void A_window_more_than_five_minutes_ahead_is_refused_as_future()
    {
        StartWith("a");
        Merge("a", 1, W + 310, 3);
        Merge("a", 2, W + 300, 3);
        Assert.Equal(Fate.Future, Assert.Single(_seen.OfType<SeriesEffect.Refuse>()).Request.Fate);
    }

    [Fact]
    public void Below_the_horizon_a_contribution_gets_the_fate_late_unless_it_has_one()
    {
        StartWith("a");
        _gateway.Horizon = W + 200;
        _now = At(W + 500);
        Merge("a", 1, W + 100, 3);
        TickAt(W + 501);
        Assert.Equal(Fate.Late, Assert.Single(_seen.OfType<SeriesEffect.Refuse>()).Request.Fate);
        Assert.Empty(Settled());
        Assert.DoesNotContain((Wire.Series, WindowLevel._10S, W + 100), _gateway.Windows.Keys);
    }

    [Fact]
    public void After_a_lost_swap_the_window_is_forgotten_and_loaded_again()
    {
        StartWith("a", "b");
        _now = At(W + 20);
        Merge("a", 1, W + 10, 3);

        // Another owner commits b meanwhile, from a base that this one has not seen.
        var other = new SeriesState(Wire.Series, new SeriesRules());
        other.OpenWindowsLoaded(new LoadOpenWindowsReply { LogId = "log" }, _now);
        other.Merge(Wire.Merge("b", 1, W + 10, Wire.Totals(4)), "other", _now);
        Drive(other);

        TickAt(W + 24);
        Assert.Empty(Settled());
        Assert.Equal(1, _gateway.LostSwaps);
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
        _holdsCommits = true;
        _now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        var commit = Assert.Single(_seen.OfType<SeriesEffect.Commit>());
        _gateway.Commit(commit.Request);
        _holdsCommits = false;
        _state.CommitFailed(WindowId.Base(W + 10), commit.Ticket, _now);
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
        _now = At(W + 24);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 24.5);

        _state = new SeriesState(Wire.Series, new SeriesRules());
        _now = At(W + 40);
        _state.OpenWindowsLoaded(_gateway.LoadOpen(Wire.Series), _now);
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
        _state.Start();
        _state.OpenWindowsLoaded(new LoadOpenWindowsReply(), At(W));
        _state.TakeEffects();
        for (var i = 1; i <= 20; i++)
        {
            _state.Merge(Wire.Merge("a", (ulong)i, W - 1000 - (i * 10), Wire.Totals(1)), "session", At(W));
        }

        Assert.Equal(8, _state.TakeEffects().OfType<SeriesEffect.Load>().Count());
    }

    [Fact]
    public void A_part_that_was_refused_before_is_never_merged()
    {
        StartWith("a");
        var merge = Wire.Merge("a", 1, W + 10, Wire.Totals(3));
        _gateway.Refuse(new RefusePartRequest
        {
            Key = merge.Key,
            Part = new Contributor { Record = merge.Record, Requests = 3, ContentHash = merge.ContentHash },
            Fate = Fate.Future,
        });
        _now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        Assert.Equal(Fate.Future, Assert.Single(Settled()).Fate);
    }

    [Fact]
    public void An_open_window_shows_merged_figures_and_those_of_hosts_that_are_not_in()
    {
        StartWith("a", "b");
        _now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        foreach (var host in new[] { "a", "b" })
        {
            _state.Declare(
                new DeclareHost
                {
                    Series = Wire.Series,
                    Host = host,
                    Open = { new OpenWindow { WindowStart = W + 10, Totals = new WindowTotals { Requests = 5 } } },
                },
                _now);
        }

        var window = Assert.Single(_state.TakeView(_now, all: true).Windows, window => window.Start == W + 10);
        Assert.Equal(WindowPhase.Open, window.Phase);
        Assert.Equal(8u, window.Totals.Requests);
        Assert.Equal(["b"], window.MissingHosts);
        Assert.Empty(_gateway.Windows);
    }

    [Fact]
    public void A_coalesced_contribution_goes_to_the_window_of_its_own_level_and_waits_for_nobody()
    {
        StartWith("a", "b");
        const long Minute = 999_960;
        Assert.Equal(Minute, WindowLevels.StartOf(WindowLevel._1M, W));
        _now = At(W + 70);
        Merge("a", 1, Minute, 3, WindowLevel._1M);
        Merge("a", 2, Minute, 2);
        TickAt(W + 71.1);

        Assert.Equal(2, Settled().Count);
        var coalesced = _gateway.Windows[(Wire.Series, WindowLevel._1M, Minute)];
        Assert.Equal((3u, 1u, false), ((uint)coalesced.Totals.Requests, (uint)coalesced.Revision, coalesced.Final));
        Assert.Equal(["a"], coalesced.ExpectedHosts);
        Assert.Equal(2u, Window(Minute).Totals.Requests);
        Assert.Equal(2u, Assert.Single(_state.TakeView(_now, all: true).Windows, window => window.Start == Minute).Totals.Requests);

        TickAt(Minute + 60 + 60);
        Assert.True(_gateway.Windows[(Wire.Series, WindowLevel._1M, Minute)].Final);
        Merge("b", 1, Minute, 4, WindowLevel._1M);
        TickAt(Minute + 60 + 62);
        coalesced = _gateway.Windows[(Wire.Series, WindowLevel._1M, Minute)];
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

        Assert.All(_gateway.Windows.Keys, key => Assert.Equal(WindowLevel._10S, key.Level));
    }

    [Fact]
    public void A_new_owner_makes_a_coalesced_window_final_and_expects_its_hosts_nowhere_else()
    {
        StartWith();
        _now = At(W + 500);
        Merge("gone", 1, 999_900, 3, WindowLevel._5M);
        TickAt(W + 502);
        _state = new SeriesState(Wire.Series, new SeriesRules());
        _state.OpenWindowsLoaded(_gateway.LoadOpen(Wire.Series), _now);
        TickAt(W + 600);

        Assert.True(Assert.Single(_gateway.Windows).Value.Final);
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

    private static DateTimeOffset At(double unixSeconds) => DateTimeOffset.UnixEpoch.AddSeconds(unixSeconds);

    private void StartWith(params string[] hosts)
    {
        _state.Start();
        _state.OpenWindowsLoaded(_gateway.LoadOpen(Wire.Series), _now);
        foreach (var host in hosts)
        {
            _state.Declare(new DeclareHost { Series = Wire.Series, Host = host }, At(W + 0.5));
        }

        Run();
        _seen.Clear();
    }

    private void Merge(string node, ulong seq, long start, int requests, WindowLevel level = WindowLevel._10S)
    {
        _state.Merge(Wire.Merge(node, seq, start, Wire.Totals(requests), level: level), "session", _now);
        Run();
    }

    private void TickAt(double unixSeconds)
    {
        _now = At(unixSeconds);
        _state.Tick(_now);
        Run();
    }

    private WindowState Window(long start) => _gateway.Windows[(Wire.Series, WindowLevel._10S, start)];

    private List<ContributionSettled> Settled() =>
        [.. _seen.OfType<SeriesEffect.Answer>().Select(answer => answer.Message).OfType<ContributionSettled>()];

    private void Run() => Drive(_state);

    private void Drive(SeriesState state)
    {
        for (var effects = state.TakeEffects(); effects.Count > 0; effects = state.TakeEffects())
        {
            foreach (var effect in effects)
            {
                if (state == _state)
                {
                    _seen.Add(effect);
                }

                switch (effect)
                {
                    case SeriesEffect.Load load:
                        state.WindowLoaded(load.Window, load.Ticket, _gateway.Load(load.Window.ToWire(Wire.Series)), _now);
                        break;
                    case SeriesEffect.Commit commit when !_holdsCommits:
                        state.CommitAnswered(commit.Window, commit.Ticket, commit.Request, _gateway.Commit(commit.Request), _now);
                        break;
                    default:
                        break;
                }
            }
        }
    }
}
