using CsCheck;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Proxy;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Sources.Proxy;

public class MeasuredQueueTests
{
    private static readonly Guid Instance = new("00112233-4455-6677-8899-aabbccddeeff");

    internal static MeasuredRequest Request(int number, string? model = "m", string variant = "") =>
        new(model, variant, At(number), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(0.6), 3, number, 4, RequestOutcome.Success);

    private static MeasuredQueue Queue(int capacity = 4, string? model = null) =>
        new(TestProxy.Settings with { QueueCapacity = capacity, Model = model }, Instance);

    private static IEnumerable<long> Numbers(MeasuredBatch batch) => batch.Requests.Select(request => request.InputTokens);

    [Fact]
    public void What_was_measured_comes_out_once_and_in_order()
    {
        var queue = Queue();
        queue.Add(Request(1));
        queue.Add(Request(2));
        queue.Add(Request(3));

        Assert.Equal([1, 2], Numbers(queue.Take(2, withStatus: false)));
        Assert.Equal([3], Numbers(queue.Take(2, withStatus: false)));
        var none = queue.Take(2, withStatus: false);
        Assert.Empty(none.Requests);
        Assert.Null(none.Checkpoint);
    }

    [Fact]
    public void A_full_queue_counts_what_it_has_no_room_for()
    {
        var queue = Queue(capacity: 2);
        for (var number = 1; number <= 5; number++)
        {
            queue.Add(Request(number));
        }

        var batch = queue.Take(10, withStatus: true);
        Assert.Equal([1, 2], Numbers(batch));
        Assert.Equal(3, batch.Unmeasured[Unmeasured.QueueFull]);
        Assert.Empty(queue.Take(10, withStatus: true).Unmeasured);
    }

    [Fact]
    public void Without_a_model_a_request_is_counted_as_not_measured()
    {
        var queue = Queue();
        queue.Add(Request(1, model: null));
        Assert.Equal(1, queue.Take(10, withStatus: true).Unmeasured[Unmeasured.ModelMissing]);
    }

    [Fact]
    public void The_configured_model_stands_above_the_request_and_the_header_names_the_variant()
    {
        var queue = Queue(model: "fixed");
        queue.Add(Request(1, model: "other", variant: "B\n"));
        var series = queue.Take(1, withStatus: false).Requests.Single().Series;
        Assert.Equal(("fixed", "default", "B"), (series.Model, series.Task, series.Variant));
    }

    [Fact]
    public void The_time_between_tokens_is_a_mean_over_gaps_since_it_was_last_taken()
    {
        var queue = Queue();
        queue.Add(Request(1) with { ContentSpan = TimeSpan.FromMilliseconds(300), ContentGaps = 3 });
        queue.Add(Request(2) with { ContentSpan = TimeSpan.FromMilliseconds(10), ContentGaps = 1 });
        queue.Add(Request(3) with { ContentSpan = null, ContentGaps = 99 });
        Assert.Equal(77.5, queue.Take(10, withStatus: true).InterTokenMs.Single().Value);
        Assert.Empty(queue.Take(10, withStatus: true).InterTokenMs);
    }

    [Fact]
    public void A_spool_that_was_replaced_gets_nothing_twice()
    {
        var queue = Queue();
        queue.Add(Request(1));
        queue.Take(1, withStatus: false);
        queue.Add(Request(2));
        queue.Rewind(null, spoolIsFresh: true);
        Assert.Equal([2], Numbers(queue.Take(10, withStatus: false)));
    }

    [Fact]
    public void A_checkpoint_of_another_process_says_that_nothing_of_this_one_is_stored()
    {
        var (queue, other) = (Queue(), new MeasuredQueue(TestProxy.Settings, Guid.Empty));
        other.Add(Request(9));
        var checkpoint = other.Take(1, withStatus: false).Checkpoint;
        queue.Add(Request(1));
        queue.Take(1, withStatus: false);
        queue.Rewind(checkpoint, spoolIsFresh: false);
        Assert.Equal([1], Numbers(queue.Take(10, withStatus: false)));
    }

    /// <summary>Accumulators that fail at any moment and know only what they stored: each request is stored once, or counted.</summary>
    [Fact]
    public void Every_request_is_stored_once_or_counted() =>
        Gen.Select(Gen.Int[1, 6], Gen.Int[0, 4].Array[1, 60]).Sample((capacity, steps) =>
        {
            var queue = Queue(capacity);
            var (stored, folded) = (new List<long>(), new List<long>());
            byte[]? storedCheckpoint = null, foldedCheckpoint = null;
            var (made, unmeasured) = (0, 0L);
            foreach (var step in steps.Concat([2, 2, 3]))
            {
                switch (step)
                {
                    case 0 or 1:
                        queue.Add(Request(++made));
                        break;
                    case 2:
                        var batch = queue.Take(step == 2 && made % 2 == 0 ? 2 : 100, withStatus: true);
                        folded.AddRange(Numbers(batch));
                        foldedCheckpoint = batch.Checkpoint ?? foldedCheckpoint;
                        unmeasured += batch.Unmeasured.Values.Sum();
                        break;
                    case 3:
                        stored.AddRange(folded);
                        folded.Clear();
                        storedCheckpoint = foldedCheckpoint;
                        break;
                    default:
                        folded.Clear();
                        foldedCheckpoint = storedCheckpoint;
                        queue.Rewind(storedCheckpoint, spoolIsFresh: false);
                        break;
                }
            }

            var rest = queue.Take(int.MaxValue, withStatus: true);
            stored.AddRange(Numbers(rest));
            unmeasured += rest.Unmeasured.Values.Sum();
            Assert.Equal(stored.Distinct().Order(), stored);
            Assert.Equal(made, stored.Count + unmeasured);
        });
}
