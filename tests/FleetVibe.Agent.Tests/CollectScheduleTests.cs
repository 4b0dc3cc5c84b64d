using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests;

public class CollectScheduleTests
{
    [Fact]
    public void The_delay_is_the_same_in_every_process_and_below_eight_tenths_of_a_second()
    {
        Assert.Equal(CollectSchedule.DelayOf("gpu-1", "127.0.0.1:8000"), CollectSchedule.DelayOf("gpu-1", "127.0.0.1:8000"));
        Assert.Equal(5220890149278644242UL, StableHash.Of("gpu-1", "127.0.0.1:8000"));
        var delays = Enumerable.Range(0, 1000).Select(n => CollectSchedule.DelayOf($"gpu-{n}", "vllm").TotalSeconds).ToList();
        Assert.All(delays, delay => Assert.InRange(delay, 0, 0.7999999));
        Assert.All(Enumerable.Range(0, 8), tenth => Assert.InRange(delays.Count(delay => (int)(delay * 10) == tenth), 80, 170));
    }

    [Theory]
    [InlineData(0, 10, 9.3)]
    [InlineData(9.2, 10, 9.3)]
    [InlineData(9.3, 10, 19.3)]
    [InlineData(0, 15, 14.3)]
    [InlineData(-3, 10, -0.7)]
    public void A_source_is_collected_in_the_last_second_of_its_interval(double now, double interval, double due)
    {
        // 1,790,000,010 is a multiple of 10 and of 15.
        var origin = At(10);
        Assert.Equal(origin.AddSeconds(due), CollectSchedule.Next(origin.AddSeconds(now), TimeSpan.FromSeconds(interval), TimeSpan.FromSeconds(0.3)));
    }
}
