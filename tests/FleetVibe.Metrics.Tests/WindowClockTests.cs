using FleetVibe.Metrics.Windows;

namespace FleetVibe.Metrics.Tests;

public class WindowClockTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(9_999, 0)]
    [InlineData(10_000, 10)]
    [InlineData(-1, -10)]
    public void StartOf_is_the_multiple_of_ten_at_or_below(long unixMs, long start) =>
        Assert.Equal(start, WindowClock.StartOf(DateTimeOffset.FromUnixTimeMilliseconds(unixMs)));
}
