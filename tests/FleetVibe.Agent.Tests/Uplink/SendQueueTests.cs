using CsCheck;
using FleetVibe.Agent.Uplink;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Tests.Uplink;

public class SendQueueTests
{
    private static SequenceRange One(ulong seq) => new() { First = seq, Last = seq };

    [Fact]
    public void Offered_records_go_first_then_live_and_backlog_in_turn()
    {
        var queue = new SendQueue(10, [1, 2]);
        queue.AddBacklog([1, 2, 3, 4, 5], 64);
        queue.AddLive(20);
        queue.AddLive(21);

        Assert.Equal([1UL, 2, 20, 3, 21, 4, 5], queue.Take());
    }

    [Fact]
    public void Credits_bound_what_is_unacknowledged()
    {
        var queue = new SendQueue(3, []);
        queue.AddBacklog([1, 2, 3, 4, 5], 64);

        Assert.Equal([1UL, 2, 3], queue.Take());
        Assert.Empty(queue.Take());
        Assert.Equal(0, queue.OfferBudget);
        queue.Acknowledge([One(2)]);
        Assert.Equal([4UL], queue.Take());
    }

    [Fact]
    public void The_backlog_is_read_page_by_page_and_again_when_there_is_more()
    {
        var queue = new SendQueue(64, []);
        Assert.True(queue.BacklogWanted);
        queue.AddBacklog([1, 2], 2);
        queue.Take();
        Assert.True(queue.BacklogWanted);
        queue.AddBacklog([2], 2);
        Assert.Empty(queue.Take());
        Assert.False(queue.BacklogWanted);
        queue.NoteBacklog();
        Assert.True(queue.BacklogWanted);
    }

    [Fact]
    public void Every_record_is_taken_exactly_once_a_stream() =>
        Gen.Select(Gen.Int[1, 8], Gen.Int[0, 5], Gen.Bool.Array[1, 60]).Sample((credits, offered, lives) =>
        {
            var all = Enumerable.Range(1, offered).Select(n => (ulong)n).ToList();
            var queue = new SendQueue(credits, [.. all]);
            var taken = new List<ulong>();
            void Step()
            {
                if (queue.BacklogWanted)
                {
                    queue.AddBacklog([.. all.Where(seq => !taken.Contains(seq)).Take(4)], 4);
                }

                taken.AddRange(queue.Take());
                Assert.True(queue.InFlight <= credits);
            }

            foreach (var live in lives)
            {
                all.Add((ulong)all.Count + 1);
                if (live)
                {
                    queue.AddLive(all[^1]);
                }
                else
                {
                    queue.NoteBacklog();
                }

                Step();
            }

            for (var n = 0; n < all.Count * 3; n++)
            {
                if (n < taken.Count)
                {
                    queue.Acknowledge([One(taken[n])]);
                }

                Step();
            }

            Assert.Equal(all, taken.Order());
        });

    [Theory]
    [InlineData(0, 0.4, 0)]
    [InlineData(0, 1.5, 1.5)]
    [InlineData(0, -37, -37)]
    [InlineData(30, 30.6, 30)]
    [InlineData(30, 0.2, 0)]
    public void A_clock_offset_beyond_a_second_is_applied(double applied, double measured, double expected)
    {
        long Nanoseconds(double seconds) => (long)(seconds * 1e9);
        var next = ClockOffset.Next(
            TimeSpan.FromSeconds(applied), Nanoseconds(1000), Nanoseconds(1000.010 + measured), Nanoseconds(1000.011 + measured), Nanoseconds(1000.021));

        Assert.Equal(expected, next.TotalSeconds, 3);
    }

    [Fact]
    public void Attempts_back_off_from_half_a_second_to_fifteen_over_every_address()
    {
        var schedule = new ReconnectSchedule(3, 7);
        var addresses = new List<int>();
        var delays = new List<double>();
        for (var n = 0; n < 9; n++)
        {
            addresses.Add(schedule.Address);
            delays.Add(schedule.AfterFailure().TotalSeconds);
        }

        Assert.InRange(delays[0], 0.25, 0.5);
        Assert.InRange(delays[^1], 7.5, 15);
        Assert.Equal([0, 1, 2], addresses.Take(3).Order());
        schedule.Connected();
        Assert.InRange(schedule.AfterFailure().TotalSeconds, 0.25, 0.5);
    }
}
