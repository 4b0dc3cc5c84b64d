using FleetVibe.Agent.Spool;

namespace FleetVibe.Agent.Tests.Spool;

/// <summary>In which order a filling spool gives way.</summary>
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
}
