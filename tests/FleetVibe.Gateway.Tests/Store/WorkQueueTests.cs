namespace FleetVibe.Gateway.Tests.Store;

public sealed class WorkQueueTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void Deferrable_work_alone_waits_one_second()
    {
        using var queue = new WorkQueue<int>(_clock, 10);
        queue.TryAdd(1, deferrable: true);
        _clock.Advance(TimeSpan.FromMilliseconds(999));
        queue.TryAdd(2, deferrable: true);
        Assert.False(queue.IsDue);

        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(queue.IsDue);
        Assert.Equal([1, 2], queue.Take(10));
        Assert.False(queue.IsDue);

        queue.TryAdd(3, deferrable: true);
        _clock.Advance(TimeSpan.FromMilliseconds(999));
        Assert.False(queue.IsDue);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(queue.IsDue);
    }

    [Fact]
    public void Urgent_work_goes_at_once_and_takes_along_what_waits()
    {
        using var queue = new WorkQueue<int>(_clock, 10);
        queue.TryAdd(1, deferrable: true);
        queue.TryAdd(2, deferrable: false);
        Assert.Equal([1, 2], queue.Take(10));
    }

    [Fact]
    public void What_one_group_does_not_take_is_due_at_once()
    {
        using var queue = new WorkQueue<int>(_clock, 10);
        for (var i = 0; i < 5; i++)
        {
            queue.TryAdd(i, deferrable: false);
        }

        Assert.Equal([0, 1, 2], queue.Take(3));
        Assert.Equal([3, 4], queue.Take(3));
    }

    [Fact]
    public void A_full_or_closed_queue_takes_nothing_and_a_closed_one_hands_out_the_rest()
    {
        using var queue = new WorkQueue<int>(_clock, 1);
        Assert.True(queue.TryAdd(1, deferrable: true));
        Assert.False(queue.TryAdd(2, deferrable: false));
        queue.Close();
        Assert.Equal([1], queue.Take(10));
        Assert.False(queue.TryAdd(3, deferrable: false));
        Assert.Empty(queue.Take(10));
    }
}
