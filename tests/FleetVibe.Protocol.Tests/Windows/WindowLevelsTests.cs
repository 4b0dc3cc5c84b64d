using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;

namespace FleetVibe.Protocol.Tests.Windows;

public class WindowLevelsTests
{
    [Fact]
    public void The_smallest_level_is_the_base_window() => Assert.Equal(WindowClock.BaseSeconds, WindowLevels.SecondsOf(WindowLevel._10S));

    [Theory]
    [InlineData(WindowLevel._10S, 1_700_000_019, 1_700_000_010, WindowLevel._1M)]
    [InlineData(WindowLevel._1M, 1_700_000_019, 1_699_999_980, WindowLevel._5M)]
    [InlineData(WindowLevel._5M, 1_700_000_019, 1_699_999_800, WindowLevel._1H)]
    [InlineData(WindowLevel._1H, 1_700_000_019, 1_699_999_200, null)]
    public void Each_window_nests_in_the_next_larger_one(WindowLevel level, long moment, long start, WindowLevel? parent)
    {
        Assert.Equal((start, parent), (WindowLevels.StartOf(level, moment), WindowLevels.ParentOf(level)));
        if (parent is { } above)
        {
            Assert.InRange(WindowLevels.StartOf(above, start), 0, start);
            Assert.True(WindowLevels.EndOf(level, start) <= WindowLevels.EndOf(above, WindowLevels.StartOf(above, start)));
        }
    }

    [Fact]
    public void A_level_of_a_later_release_is_not_known()
    {
        Assert.All(Enum.GetValues<WindowLevel>(), level => Assert.True(WindowLevels.IsKnown(level)));
        Assert.False(WindowLevels.IsKnown((WindowLevel)9));
        Assert.Throws<ArgumentOutOfRangeException>(() => WindowLevels.SecondsOf((WindowLevel)9));
    }
}
