using FleetVibe.Chaos.Oracle;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Chaos.Tests.Oracle;

/// <summary>The oracle passes on the truth, and on nothing else.</summary>
public class JudgeTests
{
    private readonly SmallFleet _fleet = new();

    [Fact]
    public void The_truth_is_sound()
    {
        var verdict = _fleet.Judge();

        Assert.True(verdict.IsSound, string.Join('\n', verdict.Mismatches));
        Assert.Equal((_fleet.Truth.Requests, _fleet.Truth.Requests, 0L), (verdict.Requests, verdict.Committed, verdict.Refused));
        Assert.Equal((0L, 0L, 0L), (verdict.Lost, verdict.Duplicated, verdict.Shrunk));
        Assert.Equal(0.004, verdict.WorstPercentileError, 6);
        Assert.Equal(4, verdict.WorstGapSeconds, 3);
    }

    [Fact]
    public void A_loss_is_found_with_its_window_and_its_node()
    {
        _fleet.Add("requests", -25, SmallFleet.WindowAt(3));

        var verdict = _fleet.Judge();

        Assert.False(verdict.IsSound);
        Assert.Equal((25L, 0L), (verdict.Lost, verdict.Duplicated));
        var window = Assert.Single(verdict.Mismatches, m => m.What == "requests");
        Assert.Equal("vibe-a 10s 2026-01-01T10:03:30Z", window.Where);
        Assert.Equal((65.0, 40.0), (window.Expected, window.Got));
        Assert.Contains("the difference is all of b", window.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_window_that_never_came_is_lost()
    {
        _fleet.Add("requests", -65, SmallFleet.WindowAt(3));
        _fleet.Remove(10, SmallFleet.WindowAt(3));

        Assert.Equal((65L, 0L), LostAndDuplicated());
    }

    [Fact]
    public void A_double_is_found_once_though_every_level_holds_it()
    {
        _fleet.Add("requests", 40, SmallFleet.WindowAt(3));

        var verdict = _fleet.Judge();

        Assert.Equal((0L, 40L), (verdict.Lost, verdict.Duplicated));
        Assert.Contains("the difference is all of a", Assert.Single(verdict.Mismatches, m => m.What == "requests").Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3, 4)]
    [InlineData(3, 11)]
    public void A_double_in_one_window_does_not_make_up_for_a_loss_in_another(int lost, int doubled)
    {
        _fleet.Add("requests", -5, SmallFleet.WindowAt(lost));
        _fleet.Add("requests", 5, SmallFleet.WindowAt(doubled));

        Assert.Equal((5L, 5L), LostAndDuplicated());
    }

    [Fact]
    public void A_double_of_one_model_does_not_make_up_for_a_loss_of_another()
    {
        _fleet.Add("requests", -5, SmallFleet.WindowAt(3));
        _fleet.Add("requests", 5, SmallFleet.WindowAt(3), SmallFleet.OtherModel);

        Assert.Equal((5L, 5L), LostAndDuplicated());
    }

    [Fact]
    public void Requests_of_a_model_that_nobody_serves_are_doubles()
    {
        _fleet.AddStranger("other", 3);

        Assert.Equal((0L, 3L), LostAndDuplicated());
    }

    [Theory]
    [InlineData("late")]
    [InlineData("spool_full")]
    public void What_was_refused_with_a_counted_reason_is_not_lost(string reason)
    {
        _fleet.Add("requests", -5, SmallFleet.WindowAt(3));
        _fleet.Refuse("b", 5, reason);

        var verdict = _fleet.Judge();

        Assert.True(verdict.IsSound, string.Join('\n', verdict.Mismatches));
        Assert.Equal(5, verdict.Refused);
        Assert.Equal(KeyValuePair.Create(reason, 5L), Assert.Single(verdict.RefusedByReason));
    }

    [Fact]
    public void A_node_of_another_model_cannot_have_refused_it()
    {
        _fleet.Add("requests", -5, SmallFleet.WindowAt(3));
        _fleet.Refuse("c", 5);

        Assert.Equal((5L, 5L), LostAndDuplicated());
    }

    [Fact]
    public void What_is_in_a_window_although_it_was_refused_counts_twice()
    {
        _fleet.Add("requests", -3, SmallFleet.WindowAt(3));
        _fleet.Refuse("a", 5);

        Assert.Equal((0L, 2L), LostAndDuplicated());
    }

    [Theory]
    [InlineData("ContributorsFell: revision 4 holds 1 contributors")]
    [InlineData("RequestsFell: revision 4 holds 7 requests")]
    [InlineData("RevisionFell: 3 came after 4")]
    public void A_window_that_got_worse_is_shrunk(string violation)
    {
        _fleet.Violations.Add(violation);

        var verdict = _fleet.Judge();

        Assert.Equal(1, verdict.Shrunk);
        Assert.False(verdict.IsSound);
    }

    [Fact]
    public void Any_other_violation_is_no_shrinking_but_not_sound()
    {
        _fleet.Violations.Add("FieldVanished: p99");

        var verdict = _fleet.Judge();

        Assert.Equal(0, verdict.Shrunk);
        Assert.False(verdict.IsSound);
    }

    [Theory]
    [InlineData(10, "response_time_p50_ms")]
    [InlineData(10, "response_time_p99_ms")]
    [InlineData(60, "response_time_p95_ms")]
    [InlineData(300, "response_time_p95_ms")]
    [InlineData(3600, "response_time_p50_ms")]
    public void A_percentile_that_is_one_percent_off_is_found(int seconds, string field)
    {
        _fleet.Scale(seconds, field, 1 / 1.004 * 1.01, SmallFleet.WindowAt(3));

        var verdict = _fleet.Judge();

        Assert.Equal(field, Assert.Single(verdict.Mismatches).What);
        Assert.Equal(0.01, verdict.WorstPercentileError, 6);
    }

    [Theory]
    [InlineData("errors")]
    [InlineData("length_limited")]
    [InlineData("input_tokens")]
    [InlineData("output_tokens")]
    public void A_sum_that_is_one_off_is_found(string field)
    {
        _fleet.AddAt(10, field, 1, SmallFleet.WindowAt(3));

        Assert.Equal(field, Assert.Single(_fleet.Judge().Mismatches).What);
    }

    [Fact]
    public void A_percentile_outside_its_bounds_is_found()
    {
        _fleet.Set(10, "response_time_p95_lo_ms", FieldValue.Of(9e9), SmallFleet.WindowAt(3));
        _fleet.Set(10, "response_time_p50_hi_ms", FieldValue.Of(0.1), SmallFleet.WindowAt(4));

        Assert.Equal(
            ["response_time_p95_ms", "response_time_p50_hi_ms"], _fleet.Judge().Mismatches.Select(m => m.What));
    }

    private (long Lost, long Duplicated) LostAndDuplicated()
    {
        var verdict = _fleet.Judge();
        Assert.False(verdict.IsSound);
        return (verdict.Lost, verdict.Duplicated);
    }
}
