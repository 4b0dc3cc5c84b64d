using FleetVibe.Aggregator.Series;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;

namespace FleetVibe.Aggregator.Tests.Series;

/// <summary>What is merged, refused, committed and settled.</summary>
public class SeriesStateTests : SeriesStateKit
{
    [Fact]
    public void Nothing_is_answered_before_the_gateway_told_what_is_open()
    {
        State.Start();
        var asked = State.TakeEffects();
        State.Merge(Wire.Merge("a", 1, W, Wire.Totals(3)), "session", At(W + 20));

        Assert.IsType<SeriesEffect.LoadOpen>(Assert.Single(asked));
        Assert.Empty(State.TakeEffects());

        Now = At(W + 20);
        State.OpenWindowsLoaded(Gateway.LoadOpen(Wire.Series), Now);
        Run();
        Assert.Equal(Fate.Committed, Assert.Single(Settled()).Fate);
    }

    [Fact]
    public void A_window_is_committed_as_soon_as_every_expected_host_is_in()
    {
        StartWith("a", "b");
        Now = At(W + 20.1);
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
        Now = At(W + 21);
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
        Assert.DoesNotContain((Wire.Series, WindowLevel._10S, W), Gateway.Windows.Keys);
        Assert.Contains((Wire.Series, WindowLevel._10S, W + 10), Gateway.Windows.Keys);
    }

    [Fact]
    public void A_host_that_was_not_heard_for_an_hour_is_expected_no_more()
    {
        StartWith("a", "b");
        for (var t = 10; t <= 3700; t += 10)
        {
            Now = At(W + t);
            State.Declare(new DeclareHost { Series = Wire.Series, Host = "a" }, Now);
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
        State.Declare(new DeclareHost { Series = Wire.Series, Host = "b", Withdrawn = true }, At(W + 31));
        TickAt(W + 44);
        Assert.Equal(["a"], Window(W + 30).ExpectedHosts);

        State.Declare(new DeclareHost { Series = Wire.Series, Host = "b" }, At(W + 50));
        TickAt(W + 74);
        Assert.Equal(["a", "b"], Window(W + 60).ExpectedHosts);
    }

    [Fact]
    public void A_contribution_that_is_only_merged_is_held_and_not_settled()
    {
        StartWith("a", "b");
        Now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        Merge("a", 1, W + 10, 3);
        Assert.Empty(Settled());
        Assert.Single(Seen.OfType<SeriesEffect.Answer>(), answer => answer.Message is ContributionHeld);
    }

    [Fact]
    public void A_contribution_that_is_committed_is_settled_again_and_counts_once()
    {
        StartWith("a");
        Now = At(W + 20);
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
        Now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        Merge("a", 1, W + 10, 4);
        Assert.Single(Seen.OfType<SeriesEffect.Alarm>());
        var refusal = Assert.Single(Seen.OfType<SeriesEffect.Refuse>());
        Assert.True(refusal.Forged);
        Assert.Equal(3u, Window(W + 10).Totals.Requests);
    }

    [Fact]
    public void A_later_contribution_makes_a_further_revision()
    {
        StartWith("a", "b");
        Now = At(W + 24);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 24.3);
        Now = At(W + 30);
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
        Now = At(W + 20);
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
        Now = At(W + 20);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 80);
        Now = At(W + 500);
        Merge("b", 1, W + 10, 4);
        TickAt(W + 500.9);
        Assert.Equal(2u, Window(W + 10).Revision);
        TickAt(W + 501);
        Assert.Equal(3u, Window(W + 10).Revision);
        Assert.True(Window(W + 10).Final);
        Assert.Equal(4u, Window(W + 10).Backfilled);
        Assert.True(Seen.OfType<SeriesEffect.Commit>().Last().Request.Deferrable);
    }

    [Fact]
    public void An_old_window_that_was_never_committed_expects_its_contributors_alone()
    {
        StartWith("a", "b");
        Now = At(W + 500);
        Merge("a", 1, W + 100, 3);
        TickAt(W + 501);
        Assert.Equal(["a"], Window(W + 100).ExpectedHosts);
        Assert.True(Window(W + 100).Final);
    }

    [Fact]
    public void A_window_kept_through_an_outage_of_the_gateway_still_expects_its_hosts()
    {
        StartWith("a", "b");
        HoldsCommits = true;
        Now = At(W + 24);
        Merge("a", 1, W + 10, 3);
        TickAt(W + 24.5);
        var commit = Seen.OfType<SeriesEffect.Commit>().First(effect => effect.Window == WindowId.Base(W + 10));
        HoldsCommits = false;
        State.CommitFailed(WindowId.Base(W + 10), commit.Ticket, At(W + 200));
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
        Assert.Equal(Fate.Future, Assert.Single(Seen.OfType<SeriesEffect.Refuse>()).Request.Fate);
    }

    [Fact]
    public void Below_the_horizon_a_contribution_gets_the_fate_late_unless_it_has_one()
    {
        StartWith("a");
        Gateway.Horizon = W + 200;
        Now = At(W + 500);
        Merge("a", 1, W + 100, 3);
        TickAt(W + 501);
        Assert.Equal(Fate.Late, Assert.Single(Seen.OfType<SeriesEffect.Refuse>()).Request.Fate);
        Assert.Empty(Settled());
        Assert.DoesNotContain((Wire.Series, WindowLevel._10S, W + 100), Gateway.Windows.Keys);
    }
}
