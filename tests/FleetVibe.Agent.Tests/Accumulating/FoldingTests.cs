using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using FleetVibe.Metrics.Windows;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Accumulating;

public class FoldingTests
{
    private static Dictionary<long, long> RequestsByWindow(AccumulatorState state, double now) =>
        state.TakeBatch(At(now), 0).Closing
            .Where(closing => closing.Part.Series.Count > 0)
            .ToDictionary(closing => closing.Part.Start - Start, closing => closing.Part.CountedRequests);

    [Theory]
    [InlineData("llamacpp", false)]
    [InlineData("sglang", true)]
    public void An_engine_whose_page_counts_no_requests_tells_none_instead_of_zero(string engine, bool counts)
    {
        var source = new EngineSourceSettings { Endpoint = new Uri("http://127.0.0.1:8080/metrics"), Engine = engine, Model = "m", Task = "chat" };
        var settings = Settings(source);
        var state = State(settings);
        using var spool = new TestSpool();
        state.Fold(new SourceReport(source.Key) { Deltas = [new CounterDelta(Chat, At(1), At(6), new SeriesTotals { OutputTokens = 8 })], Status = Ok(6) }, At(6));

        var point = spool.Store.ContentsOf(spool.Store.Commit(state.TakeBatch(At(12), 0), new WindowCloser(settings))).PointOf("vibe_model");
        Assert.Equal(8, point.Get("output_tokens")!.Integer);
        string[] fields = ["requests", "errors", "length_limited", "overflow"];
        Assert.All(fields, field => Assert.Equal(counts, point.Get(field) is not null));

        // Nor where it only stands idle.
        state.Fold(new SourceReport(source.Key) { Status = Ok(16) }, At(16));
        var idle = spool.Store.ContentsOf(spool.Store.Commit(state.TakeBatch(At(22), 0), new WindowCloser(settings))).PointOf("vibe_model");
        Assert.Equal(counts, idle.Get("requests") is not null);
    }

    [Fact]
    public void A_line_stands_in_the_window_of_its_own_time()
    {
        var state = State(Settings(RequestLog));
        state.Fold(Lines(1, Request(0), Request(9.999), Request(10), Request(-0.001)), At(11));

        Assert.Equal(new Dictionary<long, long> { [-10] = 1, [0] = 2, [10] = 1 }, RequestsByWindow(state, 30));
    }

    [Theory]
    [InlineData(-0.5, 9.3, 0, 0)]
    [InlineData(4, 18.9, 10, 0)]
    [InlineData(5, 20, 10, 0)]
    [InlineData(4.9, 20, 20, 7)]
    [InlineData(-3600, 9, 0, 7)]
    public void A_scrape_delta_stands_whole_in_the_window_of_its_middle_or_if_wide_of_its_end(double from, double to, long window, long wide)
    {
        var state = State(Settings(Vllm));
        state.Fold(new SourceReport(Vllm.Key) { Deltas = [Delta(from, to, 7)] }, At(to));

        var batch = state.TakeBatch(At(60), 0);
        var closing = Assert.Single(batch.Closing, closing => closing.Part.Series.Count > 0);
        Assert.Equal(window, closing.Part.Start - Start);
        Assert.Equal(7, closing.Part.CountedRequests);
        Assert.Equal(wide, closing.Part.Series.Values.Single().Totals.WideRequests);
        Assert.Equal(wide, batch.WideRequests);
    }

    [Fact]
    public void A_window_closes_at_its_end_plus_grace_and_not_before()
    {
        var state = State(Settings(RequestLog));
        state.Fold(Lines(1, Request(5)), At(5));

        Assert.False(state.IsTransactionDue(At(11.9)));
        Assert.True(state.IsTransactionDue(At(12)));
        Assert.Single(state.TakeBatch(At(12), 0).Closing);
    }

    [Fact]
    public void The_first_checkpoint_of_a_source_is_stored_at_once_and_later_ones_with_the_windows()
    {
        var state = new AccumulatorState(Settings(RequestLog), At(0), [], new Dictionary<string, byte[]>());
        Assert.False(state.IsTransactionDue(At(1)));

        state.Fold(Lines(1), At(1));
        Assert.True(state.IsTransactionDue(At(1)));
        Assert.Equal([1], state.TakeBatch(At(1), 0).Checkpoints[RequestLog.Key]);

        state.Fold(Lines(2, Request(2)), At(2));
        Assert.False(state.IsTransactionDue(At(2)));
    }

    [Fact]
    public void Of_gauges_the_last_of_the_window_stays()
    {
        var state = State(Settings(Vllm));
        state.Fold(new SourceReport(Vllm.Key) { Gauges = [new ModelGauges(Chat, At(1)) { Running = 3, Waiting = 1 }] }, At(1));
        state.Fold(new SourceReport(Vllm.Key) { Gauges = [new ModelGauges(Chat, At(9)) { Running = 0 }] }, At(9));

        var gauges = state.TakeBatch(At(12), 0).Closing.Single().Part.Series.Values.Single().Gauges;
        Assert.Equal((0, 1), (gauges.Running, gauges.Waiting));
        Assert.False(gauges.HasKvCachePercent);
    }

    [Fact]
    public void A_source_that_does_not_count_gives_only_its_ttft()
    {
        var state = State(Settings(RequestLog, Vllm));
        state.Fold(new SourceReport(Vllm.Key) { Deltas = [Delta(-1, 9, 7)] }, At(9));
        state.Fold(Lines(1, Request(5)), At(9));

        var part = state.TakeBatch(At(12), 0).Closing.Single().Part;
        var totals = Contributions.Of(part)[Chat];
        Assert.Equal((1, 1, 7), (totals.Requests, totals.ResponseTime.Count, totals.Ttft.Count));
    }

    [Fact]
    public void Times_move_with_the_clock_offset_unless_the_log_has_another_clock()
    {
        var state = State(Settings(RequestLog));
        state.SetClockOffset(TimeSpan.FromSeconds(30));
        state.Fold(Lines(1, Request(5), Request(5, external: true), Request(5, external: true)), At(5));

        Assert.Equal(new Dictionary<long, long> { [0] = 2, [30] = 1 }, RequestsByWindow(state, 15));
    }

    [Theory]
    [InlineData(7200, false)]
    [InlineData(7200, true)]
    [InlineData(120, false)]
    [InlineData(120, true)]
    public void A_clock_that_is_set_back_stops_no_window_whether_an_aggregator_corrects_it_or_not(int step, bool isCorrected)
    {
        var state = State(Settings(RequestLog), startedAt: step);
        state.TakeBatch(At(step + 100), 0);
        var correction = isCorrected ? step : 0;
        state.SetClockOffset(TimeSpan.FromSeconds(correction));
        state.Fold(Lines(1, Request(105)), At(105));
        Assert.True(state.IsTransactionDue(At(106)));
        var closing = state.TakeBatch(At(106), 0).Closing;
        Assert.False(state.IsTransactionDue(At(107)));
        Assert.True(state.IsTransactionDue(At(112)));
        closing = [.. closing, .. state.TakeBatch(At(112), 0).Closing];
        Assert.Equal(
            isCorrected ? [(Start + step + 90, 0), (Start + step + 100, 1)] : [(Start + 100, 1L)],
            closing.Where(window => window.IsLive).Select(window => (window.Part.Start, window.Part.CountedRequests)));
    }

    [Fact]
    public void Before_the_first_handshake_no_record_is_made_for_thirty_seconds_and_then_one_is()
    {
        var state = new AccumulatorState(Settings(RequestLog), At(0), [], new Dictionary<string, byte[]>());
        state.Fold(Lines(1, Request(1)), At(1));

        Assert.True(state.IsTransactionDue(At(29)));
        var held = state.TakeBatch(At(29), 0);
        Assert.Empty(held.Closing);
        Assert.Equal(Start, Assert.Single(held.Open).Start);
        Assert.Contains(state.TakeBatch(At(30), 0).Closing, closing => closing.Part.CountedRequests == 1);
    }

    [Fact]
    public void After_a_restart_the_clock_is_corrected_as_before_though_no_aggregator_answers()
    {
        using var spool = new TestSpool();
        var settings = Settings(RequestLog);
        var before = State(settings);
        before.SetClockOffset(TimeSpan.FromHours(-1));
        before.Fold(Lines(1, Request(1)), At(1));
        spool.Store.Commit(before.TakeBatch(At(2), 0), new WindowCloser(settings));

        var contents = spool.Reopen();
        var after = new AccumulatorState(settings, At(20), contents.Open, contents.Checkpoints, contents.ClockOffset);
        after.Fold(Lines(2, Request(21)), At(21));

        Assert.Equal([Start - 3600, Start - 3580], after.TakeBatch(At(60), 0).Closing.Where(closing => closing.Part.CountedRequests == 1).Select(closing => closing.Part.Start));
    }

    [Fact]
    public void The_first_handshake_moves_what_was_opened_since_the_start()
    {
        var state = new AccumulatorState(Settings(RequestLog), At(0), [], new Dictionary<string, byte[]>());
        state.Fold(Lines(1, Request(1)), At(1));
        state.SetClockOffset(TimeSpan.FromSeconds(42));

        var batch = state.TakeBatch(At(20), 0);
        Assert.Equal(Start + 40, Assert.Single(batch.Closing, closing => closing.Part.CountedRequests == 1).Part.Start);
        Assert.Equal([Start], batch.Moved);
    }

    [Fact]
    public void While_catching_up_a_transaction_is_due_each_second_or_five_thousand_lines()
    {
        var state = State(Settings(RequestLog), startedAt: 1000);
        state.Fold(Lines(1, Request(5)), At(1000.5));
        Assert.False(state.IsTransactionDue(At(1000.9)));
        Assert.True(state.IsTransactionDue(At(1001)));

        state.TakeBatch(At(1001), 0);
        state.Fold(Lines(2, [.. Enumerable.Repeat(Request(5), AccumulatorState.MaxFoldedLines)]), At(1001.1));
        Assert.True(state.IsTransactionDue(At(1001.1)));
    }

    [Fact]
    public void Further_series_than_the_cap_are_counted_in_other()
    {
        var log = RequestLog with { Model = null, Task = null };
        var state = State(Settings(log) with { MaxSeries = 2 });
        state.Fold(Lines(1, [.. Enumerable.Range(0, 5).Select(n => Request(5, series: new SeriesId($"m{n}", "chat")))]), At(6));

        var contributions = Contributions.Of(state.TakeBatch(At(12), 0).Closing.Single().Part);
        Assert.Equal([("m0", 1), ("m1", 1), (SeriesId.Other, 3)], contributions.Select(entry => (entry.Key.Model, entry.Value.Requests)));
        Assert.Equal(3, state.Series.Capped);
    }

    [Fact]
    public void Further_variants_than_the_limit_count_under_other_and_are_counted()
    {
        var log = RequestLog with { VariantLimit = 2 };
        var state = State(Settings(log));
        state.Fold(Lines(1, [.. "abcab".Select(arm => Request(5, series: Chat with { Variant = $"{arm}" })), Request(5), Request(5, series: Chat with { Variant = SeriesId.Other })]), At(6));

        var batch = state.TakeBatch(At(12), 0);
        Assert.Equal(
            [("", 1), ("a", 2), ("b", 2), (SeriesId.Other, 2)],
            Contributions.Of(batch.Closing.Single().Part).Select(entry => (entry.Key.Variant, entry.Value.Requests)).OrderBy(entry => entry.Variant, StringComparer.Ordinal));
        Assert.Equal((7, 1), (batch.Seen, batch.OtherVariants));

        // A variant that was not seen for an hour makes room.
        state.Fold(Lines(2, Request(5, series: Chat with { Variant = "a" })), At(3000));
        state.TakeBatch(At(3700), 0);
        state.Fold(Lines(3, [.. "ac".Select(arm => Request(3701, series: Chat with { Variant = $"{arm}" }))]), At(3702));
        Assert.Equal(0, state.TakeBatch(At(3720), 0).OtherVariants);
    }

    [Fact]
    public void A_configured_variant_has_no_limit()
    {
        var state = State(Settings(RequestLog with { VariantLimit = 1, Variant = "b" }, Vllm with { Variant = "a" }));
        state.Fold(Lines(1, [.. "ab".Select(arm => Request(5, series: Chat with { Variant = $"{arm}" }))]), At(6));
        Assert.Equal(0, state.TakeBatch(At(12), 0).OtherVariants);
    }

    [Fact]
    public void A_window_far_in_the_future_is_handed_over_to_be_refused()
    {
        var state = State(Settings(RequestLog));
        state.Fold(Lines(1, Request(400)), At(1));

        var closing = Assert.Single(state.TakeBatch(At(2), 0).Closing);
        Assert.True(closing.IsFuture);
        Assert.Equal(0, state.OpenRequests);
    }

    [Theory]
    [InlineData(ErrorClass.Http4xx, "http_4xx")]
    [InlineData(ErrorClass.MetricsDisabled, "metrics_disabled")]
    [InlineData(ErrorClass.Dns, "dns")]
    public void Error_classes_are_written_in_snake_case(ErrorClass error, string name) => Assert.Equal(name, TargetFolding.NameOf(error));
}
