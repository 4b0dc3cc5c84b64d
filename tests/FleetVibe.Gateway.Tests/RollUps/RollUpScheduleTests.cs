namespace FleetVibe.Gateway.Tests.RollUps;

public sealed class RollUpScheduleTests
{
    private const long Hour = 1_699_999_200;

    [Theory]
    [InlineData(WindowLevel._1M, 100, null, 100)]
    [InlineData(WindowLevel._1M, 100, 100, 110)]
    [InlineData(WindowLevel._1M, 100, 95, 105)]
    [InlineData(WindowLevel._1M, 100, 90, 100)]
    [InlineData(WindowLevel._1M, 100, 5, 100)]
    [InlineData(WindowLevel._5M, 100, 95, 125)]
    [InlineData(WindowLevel._5M, 100, 70, 100)]
    [InlineData(WindowLevel._1H, 100, 95, 155)]
    [InlineData(WindowLevel._1H, 100, 40, 100)]
    [InlineData(WindowLevel._1H, 100, 5000, 100)] // the clock was set back since
    public void A_dirty_roll_up_is_due_at_once_or_one_interval_after_it_was_made(WindowLevel level, int dirtySince, int? lastMade, int due) =>
        Assert.Equal(At(due), RollUpSchedule.DueAt(level, At(dirtySince), lastMade is { } made ? At(made) : null));

    [Theory]
    [InlineData(WindowLevel._1M, 0, false, 120)]
    [InlineData(WindowLevel._1M, 119, true, 120)]
    [InlineData(WindowLevel._1M, 120, false, null)]
    [InlineData(WindowLevel._5M, 359, false, 360)]
    [InlineData(WindowLevel._5M, 360, false, null)]
    [InlineData(WindowLevel._5M, 360, true, 390)]
    [InlineData(WindowLevel._1H, 3659, false, 3660)]
    [InlineData(WindowLevel._1H, 4000, true, 4060)]
    public void A_roll_up_is_looked_at_once_more_when_nothing_is_expected_any_more_and_while_parts_wait(
        WindowLevel level, int now, bool marksBelow, int? next) =>
        Assert.Equal(next is { } at ? At(at) : null, RollUpSchedule.NextLook(new RollUpKey(1, level, Hour), marksBelow, At(now)));

    [Theory]
    [InlineData(WindowLevel._1M, 3590, 3540, WindowLevel._5M)]
    [InlineData(WindowLevel._5M, 3590, 3300, WindowLevel._1H)]
    [InlineData(WindowLevel._1H, 3590, 0, null)]
    public void Each_window_nests_in_the_next_larger_one(WindowLevel level, int moment, int start, WindowLevel? parent)
    {
        var key = new RollUpKey(1, level, WindowLevels.StartOf(level, Hour + moment));
        Assert.Equal((Hour + start, parent), (key.Start, key.Parent?.Level));
        Assert.True(key.Parent is null || (key.Parent.Value.Start <= key.Start && key.End <= key.Parent.Value.End));
    }

    [Theory]
    [InlineData(0, 10_000, null, 7200)]
    [InlineData(0, 10_000, 9000L, 7200)]
    [InlineData(0, 10_000, 7200L, 7200)]
    [InlineData(0, 10_000, 7199L, 3600)]
    [InlineData(0, 10_000, 60L, 0)]
    [InlineData(7200, 10_000, 60L, 7200)]
    [InlineData(7200, 3000, null, 7200)]
    public void The_horizon_moves_in_whole_hours_never_back_and_never_past_a_dirty_roll_up(long current, int now, long? dirty, long next) =>
        Assert.Equal(next, Horizon.Advance(current, DateTimeOffset.FromUnixTimeSeconds(now), TimeSpan.Zero, dirty));

    private static DateTimeOffset At(int seconds) => DateTimeOffset.FromUnixTimeSeconds(Hour + seconds);
}
