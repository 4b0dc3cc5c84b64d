using FleetVibe.Agent.Sources.Prometheus;
using static FleetVibe.Agent.Tests.Sources.Prometheus.Counters;

namespace FleetVibe.Agent.Tests.Sources.Prometheus;

public class CounterCoreTests
{
    [Fact]
    public void A_counter_that_began_before_the_watch_is_a_baseline()
    {
        var first = Fresh(watchedSince: 0).Read(10, Plain("a", 1000, started: -500));
        Assert.Empty(first.Gains);
        var gain = Assert.Single(first.Then(20, Plain("a", 1007, started: -500)).Gains);
        Assert.Equal(7, gain.Count);
        Assert.Equal(At(10), gain.From);
    }

    [Fact]
    public void A_counter_that_began_under_the_watch_counts_from_zero_since_its_start()
    {
        var gain = Assert.Single(Fresh(watchedSince: 0).Read(30, Plain("a", 12, started: 21)).Gains);
        Assert.Equal(12, gain.Count);
        Assert.Equal(At(21), gain.From);
    }

    [Fact]
    public void A_series_that_appears_on_a_page_known_before_counts_from_zero()
    {
        var second = Fresh().Read(10, Plain("a", 5)).Then(20, Plain("a", 5), Plain("b", 3));
        Assert.Equal(3, second.Gained("b"));
    }

    [Fact]
    public void A_series_that_a_damaged_first_page_hid_is_a_baseline()
    {
        var second = Fresh().ReadIncomplete(10, Plain("a", 5)).Then(20, Plain("a", 5), Plain("b", 30_000));
        Assert.Equal(0, second.Gained("b"));
        Assert.Equal(4, second.Then(30, Plain("a", 5), Plain("b", 30_004)).Gained("b"));
    }

    [Fact]
    public void A_series_that_says_it_is_older_than_the_watch_is_a_baseline_though_it_appears_late()
    {
        var second = Fresh().Read(10, Plain("a", 5)).Then(20, Plain("a", 5), Plain("b", 30_000, started: -3600, own: true));
        Assert.Equal(0, second.Gained("b"));
    }

    [Fact]
    public void After_a_fall_the_new_value_counts_whole_and_so_do_its_neighbours()
    {
        var reset = Fresh().Read(10, Plain("a", 100), Plain("b", 1000)).Then(20, Plain("a", 5), Plain("b", 1200));
        Assert.Equal(5, reset.Gained("a"));
        Assert.Equal(1200, reset.Gained("b"));
        Assert.Equal(["p"], reset.Restarted);
    }

    [Fact]
    public void A_restart_is_known_by_its_start_time_though_the_counter_grew_past_its_old_value()
    {
        var reset = Fresh().Read(10, Plain("a", 100, started: -50)).Then(20, Plain("a", 130, started: 12));
        Assert.Equal(130, reset.Gained("a"));
        Assert.Single(reset.Restarted);
        Assert.Equal(At(12), reset.Gains[0].From);
    }

    [Fact]
    public void Where_start_times_are_known_one_counter_that_falls_speaks_for_itself_alone()
    {
        var reset = Fresh().Read(10, Plain("a", 100, started: -50), Plain("b", 1000, started: -50))
            .Then(20, Plain("a", 5, started: -50), Plain("b", 1200, started: -50));
        Assert.Equal(5, reset.Gained("a"));
        Assert.Equal(200, reset.Gained("b"));
        Assert.Empty(reset.Restarted);
    }

    [Fact]
    public void Start_times_that_differ_by_a_kernels_rounding_are_one()
    {
        var step = Fresh().Read(10, Plain("a", 100, started: -50)).Then(20, Plain("a", 103, started: -49));
        Assert.Equal(3, step.Gained("a"));
    }

    [Fact]
    public void Two_servers_that_answer_in_turn_are_never_counted_whole()
    {
        var step = Fresh().Read(10, Plain("a", 100, started: -5000));
        for (var i = 2; i < 12; i++)
        {
            step = i % 2 == 0 ? step.Then(i * 10, Plain("a", 90_000 + i, started: -900)) : step.Then(i * 10, Plain("a", 100 + i, started: -5000));
            Assert.Empty(step.Gains);
            Assert.Single(step.Replaced);
        }
    }

    [Fact]
    public void A_family_missing_for_one_page_is_no_reset()
    {
        var step = Fresh().Read(10, Plain("a", 100), Plain("b", 50)).Then(20, Plain("a", 110)).Then(30, Plain("a", 115), Plain("b", 58));
        var gain = Assert.Single(step.Gains, g => g.Reading.Key == "b");
        Assert.Equal((8, At(10)), (gain.Count, gain.From));
    }

    [Fact]
    public void A_page_without_counters_changes_nothing()
    {
        var step = Fresh().Read(10, Plain("a", 100)).Then(20).Then(30, Plain("a", 101));
        Assert.Equal(1, step.Gained("a"));
    }

    [Fact]
    public void A_family_missing_while_its_process_began_again_counts_from_zero_when_it_is_back()
    {
        var step = Fresh().Read(10, Plain("a", 100), Plain("b", 50)).Then(20, Plain("a", 2)).Then(30, Plain("a", 3), Plain("b", 60));
        Assert.Equal(60, step.Gained("b"));
        Assert.Equal(1, step.Gained("a"));
    }

    [Fact]
    public void A_neighbours_late_fall_does_not_count_again_what_was_counted_since()
    {
        // The restart lies between 10 and 20; only at 30 does a's fall show it, and b's 120 were counted as 20 at 20.
        var step = Fresh().Read(10, Plain("a", 100), Plain("b", 100)).Then(20, Plain("b", 120));
        Assert.Equal(20, step.Gained("b"));
        step = step.Then(30, Plain("a", 7), Plain("b", 125));
        Assert.Equal(7, step.Gained("a"));
        Assert.Equal(5, step.Gained("b"));
    }

    [Fact]
    public void A_value_that_cannot_be_counted_with_keeps_the_baseline()
    {
        var step = Fresh().Read(10, Plain("a", 100)).Then(20, Plain("a", null)).Then(30, Plain("a", 104));
        Assert.Equal(4, step.Gained("a"));
    }

    [Fact]
    public void A_value_unreadable_at_first_sight_is_a_baseline_when_it_can_be_read()
    {
        var step = Fresh().Read(10, Plain("a", null), Plain("b", 1)).Then(20, Plain("a", 90_000), Plain("b", 1));
        Assert.Equal(0, step.Gained("a"));
        Assert.Equal(2, step.Then(30, Plain("a", 90_002), Plain("b", 1)).Gained("a"));
    }

    [Fact]
    public void A_histogram_begins_again_as_a_whole_when_one_bucket_falls()
    {
        double[] bounds = [1, 2];
        var step = Fresh().Read(10, Buckets("h", bounds, [5, 8], 10, sum: 20)).Then(20, Buckets("h", bounds, [4, 9], 11, sum: 30));
        var gain = Assert.Single(step.Gains);
        Assert.Equal([4, 5, 2], gain.Buckets);
        Assert.Equal((11, 30_000_000), (gain.Count, gain.SumMicros));
    }

    [Fact]
    public void A_sum_that_falls_is_no_reset_and_never_negative()
    {
        double[] bounds = [1, 2];
        var gain = Assert.Single(Fresh().Read(10, Buckets("h", bounds, [5, 8], 10, sum: 20)).Then(20, Buckets("h", bounds, [5, 9], 11, sum: 19)).Gains);
        Assert.Equal([0, 1, 0], gain.Buckets);
        Assert.Equal(0, gain.SumMicros);
    }

    [Fact]
    public void Sums_telescope_over_pages_without_a_sum_and_without_a_request()
    {
        double[] bounds = [1];
        var one = Fresh().Read(10, Buckets("h", bounds, [1], 1, sum: 1.25)).Then(20, Buckets("h", bounds, [1], 1, sum: 1.5));
        var two = one.Then(30, Buckets("h", bounds, [2], 2, sum: null));
        var three = two.Then(40, Buckets("h", bounds, [3], 3, sum: 3.25));
        Assert.Equal(0, one.Gains.Sum(g => g.SumMicros));
        Assert.Equal(2_000_000, two.Gains.Concat(three.Gains).Sum(g => g.SumMicros));
    }

    [Fact]
    public void Other_buckets_are_a_reset()
    {
        var step = Fresh().Read(10, Buckets("h", [1, 2], [5, 8], 10)).Then(20, Buckets("h", [1, 3], [6, 11], 12));
        Assert.Equal([6, 5, 1], Assert.Single(step.Gains).Buckets);
    }

    [Fact]
    public void Buckets_that_a_damaged_page_lost_are_no_reset()
    {
        var full = Buckets("h", [1, 2, 4], [5, 8, 9], 10);
        var step = Fresh().Read(10, full).State.ReadIncomplete(20, Buckets("h", [1, 4], [6, 11], 12));
        Assert.Equal([1, 1, 0], Assert.Single(step.Gains).Buckets);
        step = step.State.ReadIncomplete(30, Buckets("h", [2, 4], [10, 12], 13));
        Assert.Equal(1, Assert.Single(step.Gains).Count);
        step = step.Then(40, Buckets("h", [1, 2, 4], [7, 11, 13], 14));
        Assert.Equal(1, Assert.Single(step.Gains).Count);
        Assert.All(step.Gains[0].Buckets, b => Assert.InRange(b, 0, 1));
    }

    [Fact]
    public void Buckets_that_contradict_their_total_never_exceed_it()
    {
        double[] bounds = [1, 2];
        var gain = Assert.Single(Fresh().Read(10, Buckets("h", bounds, [5, 8], 20)).Then(20, Buckets("h", bounds, [9, 9], 22)).Gains);
        Assert.Equal([2, 0, 0], gain.Buckets);
    }

    [Fact]
    public void A_checkpoint_gives_back_the_state()
    {
        var state = Fresh().Read(10, Buckets("h", [1, 2.5], [5, 8], 10, sum: 20, started: -5), Plain("a", null), Plain("b", 3, started: 1, own: true)).State;
        var back = CounterState.Load(state.ToCheckpoint(), "origin", At(0), spoolIsFresh: false, At(99));
        Assert.Equal(state.ToCheckpoint(), back.ToCheckpoint());
        Assert.Equal(2, back.Read(20, Plain("b", 5, started: 1, own: true)).Gained("b"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_checkpoint_of_another_page_or_a_damaged_one_counts_nothing_of_the_past(bool damaged)
    {
        var stored = Fresh().Read(10, Plain("a", 3)).State.ToCheckpoint();
        var state = CounterState.Load(damaged ? [0xff, 0xff, 1] : stored, damaged ? "origin" : "elsewhere", At(0), spoolIsFresh: false, At(50));
        Assert.Empty(state.Read(60, Plain("a", 3_000, started: 20)).Gains);
    }

    [Fact]
    public void After_a_lost_spool_counters_are_baselines()
    {
        var state = CounterState.Load(null, "origin", At(0), spoolIsFresh: true, At(50));
        Assert.Empty(state.Read(60, Plain("a", 3_000, started: 20)).Gains);
    }
}
