using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Push;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Sources.Push;

/// <summary>A batch, and the exact observations that come of it.</summary>
public class BatchReadingTests
{
    private const long StartUs = Start * 1_000_000;

    private static readonly PushSourceSettings Settings = new() { Socket = "/run/s.sock" };
    private static readonly CollectorHello Hello = new() { Name = "c", Model = "m", Task = "chat" };

    [Fact]
    public void Requests_have_the_series_of_the_hello_where_they_name_none()
    {
        var batch = new CollectorBatch
        {
            Requests =
            {
                new FinishedRequest { CompletedUs = StartUs + 1_500_000, DurationS = 0.25, TtftS = 0.125, InputTokens = 3, OutputTokens = 4 },
                new FinishedRequest { CompletedUs = StartUs, Outcome = FinishedRequest.Types.Outcome.Error, Model = "q\n", Task = "t", Variant = "v" },
                new FinishedRequest { CompletedUs = StartUs, Outcome = FinishedRequest.Types.Outcome.LengthLimited },
            },
        };

        Assert.Equal(
            [
                new RequestObservation(Chat, At(1.5), 0.25, 0.125, 3, 4, RequestOutcome.Success, false),
                new RequestObservation(new SeriesId("q", "t", "v"), At(0), null, null, 0, 0, RequestOutcome.Error, false),
                new RequestObservation(Chat, At(0), null, null, 0, 0, RequestOutcome.LengthLimited, false),
            ],
            BatchReading.Read(Settings, Hello, batch).Requests);
    }

    [Fact]
    public void What_the_configuration_names_stands_above_all()
    {
        var read = BatchReading.Read(
            Settings with { Model = "mine", Task = "own", Variant = "x", ExternalClock = true }, Hello, new CollectorBatch { Requests = { new FinishedRequest { CompletedUs = StartUs, Model = "q" } } });

        Assert.Equal((new SeriesId("mine", "own", "x"), true), (read.Requests[0].Series, read.Requests[0].ExternalClock));
    }

    [Fact]
    public void An_increment_is_a_delta_with_its_distribution()
    {
        var batch = new CollectorBatch
        {
            Increments =
            {
                new CounterIncrement
                {
                    FromUs = StartUs, ToUs = StartUs + 10_000_000, Requests = 5, Errors = 1, LengthLimited = 2, InputTokens = 50, OutputTokens = 60,
                    ResponseTime = new ClassicIncrement { Bounds = { 0.5, 1 }, Counts = { 3, 1, 1 }, Sum = 4.5 },
                },
            },
        };

        var delta = Assert.Single(BatchReading.Read(Settings, Hello, batch).Deltas);
        Assert.Equal((Chat, At(0), At(10)), (delta.Series, delta.From, delta.To));
        Assert.Equal((5, 1, 2, 50, 60), (delta.Totals.Requests, delta.Totals.Errors, delta.Totals.LengthLimited, delta.Totals.InputTokens, delta.Totals.OutputTokens));
        Assert.Equal((5, 4_500_000), (delta.Totals.ResponseTime.Count, delta.Totals.ResponseTime.Estimate.SumMicros));
        Assert.Equal(0, delta.Totals.Ttft.Count);
    }

    [Fact]
    public void A_state_is_gauges()
    {
        var read = BatchReading.Read(Settings, Hello, new CollectorBatch { States = { new ModelState { AtUs = StartUs, Running = 2, KvCachePercent = 40 } } });

        Assert.Equal(new ModelGauges(Chat, At(0)) { Running = 2, KvCachePercent = 40 }, Assert.Single(read.Gauges));
        Assert.Equal((0, ""), (read.Skipped, read.SkippedWhy));
    }

    public static TheoryData<ModelState, string> StatesOutOfRange => new()
    {
        { new ModelState { AtUs = StartUs, Waiting = 2, KvCachePercent = 150 }, "a state with kv_cache_percent = 150" },
        { new ModelState { AtUs = StartUs, Waiting = 2, KvCachePercent = double.NaN }, "a state with kv_cache_percent = NaN" },
        { new ModelState { AtUs = StartUs, Waiting = 2, Running = ulong.MaxValue }, "a state with running = 18446744073709551615" },
    };

    [Theory]
    [MemberData(nameof(StatesOutOfRange))]
    public void A_value_out_of_range_is_skipped_and_named_and_the_others_of_its_state_stand(ModelState state, string why)
    {
        var read = BatchReading.Read(Settings, Hello, new CollectorBatch { States = { state } });

        Assert.Equal(new ModelGauges(Chat, At(0)) { Waiting = 2 }, Assert.Single(read.Gauges));
        Assert.Equal((1, why), (read.Skipped, read.SkippedWhy));
    }

    public static TheoryData<FinishedRequest, string> BadRequests => new()
    {
        { new FinishedRequest(), "completed_us = 0" },
        { new FinishedRequest { CompletedUs = long.MaxValue }, "completed_us = 9223372036854775807" },
        { new FinishedRequest { CompletedUs = StartUs, DurationS = -1 }, "duration_s = -1" },
        { new FinishedRequest { CompletedUs = StartUs, TtftS = double.NaN }, "ttft_s = NaN" },
        { new FinishedRequest { CompletedUs = StartUs, OutputTokens = ulong.MaxValue }, "18446744073709551615 tokens" },
    };

    [Theory]
    [MemberData(nameof(BadRequests))]
    public void A_request_that_cannot_be_used_is_skipped_and_the_others_count(FinishedRequest bad, string why)
    {
        var read = BatchReading.Read(Settings, Hello, new CollectorBatch { Requests = { bad, new FinishedRequest { CompletedUs = StartUs } } });

        Assert.Single(read.Requests);
        Assert.Equal(1, read.Skipped);
        Assert.Contains(why, read.SkippedWhy, StringComparison.Ordinal);
    }

    public static TheoryData<CounterIncrement, string> BadIncrements => new()
    {
        { new CounterIncrement { FromUs = StartUs + 1, ToUs = StartUs }, "which is no span" },
        { new CounterIncrement { FromUs = StartUs, ToUs = StartUs, Requests = ulong.MaxValue }, "an increment of 18446744073709551615" },
        { With(new ClassicIncrement { Bounds = { 1 }, Counts = { 1 } }), "1 counts for 1 bounds" },
        { With(new ClassicIncrement { Bounds = { 1, 1 }, Counts = { 1, 0, 0 } }), "bounds that do not ascend" },
        { With(new ClassicIncrement { Bounds = { double.PositiveInfinity }, Counts = { 1, 0 } }), "bounds that do not ascend" },
        { With(new ClassicIncrement { Bounds = { 1 }, Counts = { 2, 2 } }), "more values than its 3 requests" },
        { With(new ClassicIncrement { Bounds = { 1 }, Counts = { 1, 0 }, Sum = double.NaN }), "has the sum NaN" },
    };

    [Theory]
    [MemberData(nameof(BadIncrements))]
    public void An_increment_that_cannot_be_used_is_skipped(CounterIncrement bad, string why)
    {
        var read = BatchReading.Read(Settings, Hello, new CollectorBatch { Increments = { bad } });

        Assert.Empty(read.Deltas);
        Assert.Contains(why, read.SkippedWhy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_may_hold_as_many_entries_as_the_limit_says_of_all_kinds_together()
    {
        var batch = new CollectorBatch { Requests = { Enumerable.Repeat(new FinishedRequest(), BatchReading.MaxEntries - 2) }, Increments = { new CounterIncrement() }, States = { new ModelState() } };
        Assert.False(BatchReading.IsTooLarge(batch));
        batch.States.Add(new ModelState());

        Assert.True(BatchReading.IsTooLarge(batch));
    }

    [Fact]
    public void Without_a_model_nothing_is_counted()
    {
        var batch = new CollectorBatch { Requests = { new FinishedRequest { CompletedUs = StartUs } }, Increments = { new CounterIncrement() }, States = { new ModelState() } };
        var read = BatchReading.Read(Settings, new CollectorHello { Name = "c" }, batch);

        Assert.Equal((3, "a request without a model"), (read.Skipped, read.SkippedWhy));
    }

    private static CounterIncrement With(ClassicIncrement histogram) => new() { FromUs = StartUs, ToUs = StartUs, Requests = 3, ResponseTime = histogram };
}
