using FleetVibe.Agent.Spool;

namespace FleetVibe.Agent.Tests.Spool;

/// <summary>In which order a filling spool gives way, and how long it lasts.</summary>
public class RoomRuleTests
{
    [Theory]
    [InlineData(799, true, null, RoomStep.None, 0)]
    [InlineData(800, true, null, RoomStep.Coalesce, 0)]
    [InlineData(1100, true, 6000, RoomStep.Coalesce, 300)]
    [InlineData(999, false, 6000, RoomStep.None, 0)]
    [InlineData(1100, false, null, RoomStep.None, 0)] // logs wait for ever
    [InlineData(1100, false, 599, RoomStep.None, 0)]
    [InlineData(1100, false, 600, RoomStep.Drop, 110)]
    public void A_filling_spool_coalesces_then_waits_and_drops_only_for_an_engine_that_waited_long(
        long used, bool canCoalesce, int? engineWaits, object step, long bytes) =>
        Assert.Equal(((RoomStep)step, bytes), RoomRule.Next(used, 1000, canCoalesce, engineWaits is { } seconds ? TimeSpan.FromSeconds(seconds) : null));

    [Theory]
    [InlineData(false, 999, false)]
    [InlineData(false, 1000, true)]
    [InlineData(true, 950, true)]
    [InlineData(true, 949, false)]
    public void A_full_spool_is_full_until_there_is_some_room(bool wasFull, long used, bool full) =>
        Assert.Equal(full, RoomRule.IsFull(wasFull, used, 1000));

    [Theory]
    [InlineData("0:100 60:700", 80L)] // 10 bytes a second, 800 left
    [InlineData("0:100 60:100", null)]
    [InlineData("0:700 60:100", null)]
    [InlineData("0:100 29:700", null)] // too short to tell
    [InlineData("0:100", null)]
    [InlineData("", null)]
    [InlineData("0:100 60:2000", 0L)]
    [InlineData("0:100 600:101 900:102", 419_400L)] // at the rate of the last minutes
    [InlineData("900:100 0:100 60:700", 80L)] // the clock was set back
    public void The_outage_that_is_left_is_told_while_the_spool_grows(string samples, long? left)
    {
        var forecast = new OutageForecast();
        foreach (var sample in samples.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(sample => sample.Split(':')))
        {
            forecast.Note(Fixtures.At(int.Parse(sample[0])), long.Parse(sample[1]));
        }

        Assert.Equal(left, forecast.SecondsLeft(1500));
    }
}
