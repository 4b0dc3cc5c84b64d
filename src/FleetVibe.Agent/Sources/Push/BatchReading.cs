using System.Globalization;
using System.Text;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources.JsonLog;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Sources.Push;

/// <summary>What one batch holds that can be counted.</summary>
/// <param name="Skipped">Entries that cannot be used.</param>
/// <param name="SkippedWhy">Why the first of them; empty where there is none.</param>
internal sealed record ReadBatch(
    IReadOnlyList<RequestObservation> Requests, IReadOnlyList<CounterDelta> Deltas, IReadOnlyList<ModelGauges> Gauges, long Skipped, string SkippedWhy);

/// <summary>A collector's batch to observations. Pure.</summary>
internal sealed class BatchReading
{
    /// <summary>Entries that one batch may hold.</summary>
    internal const int MaxEntries = 5_000;

    // More than anything has; a number beyond it is a fault of the collector and would ruin the sums.
    private const ulong MaxCount = 1_000_000_000_000;
    private const double MaxSumSeconds = 1e12;

    private readonly PushSourceSettings _settings;
    private readonly CollectorHello _hello;
    private readonly List<RequestObservation> _requests = [];
    private readonly List<CounterDelta> _deltas = [];
    private readonly List<ModelGauges> _gauges = [];
    private long _skipped;
    private string _why = "";

    private BatchReading(PushSourceSettings settings, CollectorHello hello)
    {
        _settings = settings;
        _hello = hello;
    }

    internal static bool IsTooLarge(CollectorBatch batch) => batch.Requests.Count + batch.Increments.Count + batch.States.Count > MaxEntries;

    internal static ReadBatch Read(PushSourceSettings settings, CollectorHello hello, CollectorBatch batch)
    {
        var reading = new BatchReading(settings, hello);
        foreach (var request in batch.Requests)
        {
            reading.Keep(reading.Add(request));
        }

        foreach (var increment in batch.Increments)
        {
            reading.Keep(reading.Add(increment));
        }

        foreach (var state in batch.States)
        {
            reading.Keep(reading.Add(state));
        }

        return new ReadBatch(reading._requests, reading._deltas, reading._gauges, reading._skipped, reading._why);
    }

    private void Keep(string? problem)
    {
        if (problem is not null)
        {
            _skipped++;
            _why = _why.Length > 0 ? _why : problem;
        }
    }

    private string? Add(FinishedRequest request)
    {
        var series = SeriesOf(request.Model, request.Task, request.Variant);
        var problem = series is null ? "a request without a model"
            : MomentOf(request.CompletedUs) is null ? $"a request with completed_us = {request.CompletedUs}, which is no time in microseconds since 1970"
            : request.HasDurationS && !IsTime(request.DurationS) ? $"a request with duration_s = {Text(request.DurationS)}"
            : request.HasTtftS && !IsTime(request.TtftS) ? $"a request with ttft_s = {Text(request.TtftS)}"
            : Math.Max(request.InputTokens, request.OutputTokens) > MaxCount ? $"a request with {Math.Max(request.InputTokens, request.OutputTokens)} tokens"
            : null;
        if (problem is null)
        {
            _requests.Add(new RequestObservation(
                series!,
                MomentOf(request.CompletedUs)!.Value,
                request.HasDurationS ? request.DurationS : null,
                request.HasTtftS ? request.TtftS : null,
                (long)request.InputTokens,
                (long)request.OutputTokens,
                request.Outcome switch
                {
                    FinishedRequest.Types.Outcome.Success => RequestOutcome.Success,
                    FinishedRequest.Types.Outcome.LengthLimited => RequestOutcome.LengthLimited,
                    _ => RequestOutcome.Error,
                },
                _settings.ExternalClock));
        }

        return problem;
    }

    private string? Add(CounterIncrement increment)
    {
        var series = SeriesOf(increment.Model, increment.Task, increment.Variant);
        var (from, to) = (MomentOf(increment.FromUs), MomentOf(increment.ToUs));
        ulong[] counts = [increment.Requests, increment.Errors, increment.LengthLimited, increment.InputTokens, increment.OutputTokens];
        var problem = series is null ? "an increment without a model"
            : from is null || to is null || from > to ? $"an increment from {increment.FromUs} to {increment.ToUs}, which is no span in microseconds since 1970"
            : counts.Max() > MaxCount ? $"an increment of {counts.Max()}"
            : ProblemOf(increment.ResponseTime, increment.Requests) is { } latency ? $"an increment whose response_time {latency}"
            : ProblemOf(increment.Ttft, increment.Requests) is { } ttft ? $"an increment whose ttft {ttft}"
            : null;
        if (problem is null)
        {
            var totals = new SeriesTotals
            {
                Requests = (long)increment.Requests,
                Errors = (long)increment.Errors,
                LengthLimited = (long)increment.LengthLimited,
                InputTokens = (long)increment.InputTokens,
                OutputTokens = (long)increment.OutputTokens,
            };
            AddTo(totals.ResponseTime, increment.ResponseTime);
            AddTo(totals.Ttft, increment.Ttft);
            _deltas.Add(new CounterDelta(series!, from!.Value, to!.Value, totals));
        }

        return problem;
    }

    private string? Add(ModelState state)
    {
        var series = SeriesOf(state.Model, state.Task, state.Variant);
        var at = MomentOf(state.AtUs);
        if (series is null || at is null)
        {
            return series is null ? "a state without a model" : $"a state with at_us = {state.AtUs}, which is no time in microseconds since 1970";
        }

        // What else it says is true all the same.
        _gauges.Add(new ModelGauges(series, at.Value)
        {
            Running = state.HasRunning && state.Running <= MaxCount ? (long)state.Running : null,
            Waiting = state.HasWaiting && state.Waiting <= MaxCount ? (long)state.Waiting : null,
            KvCachePercent = state.HasKvCachePercent && state.KvCachePercent is >= 0 and <= 100 ? state.KvCachePercent : null,
        });
        var gauges = _gauges[^1];
        return state.HasRunning && gauges.Running is null ? $"a state with running = {state.Running}"
            : state.HasWaiting && gauges.Waiting is null ? $"a state with waiting = {state.Waiting}"
            : state.HasKvCachePercent && gauges.KvCachePercent is null ? $"a state with kv_cache_percent = {Text(state.KvCachePercent)}"
            : null;
    }

    private static string? ProblemOf(ClassicIncrement? histogram, ulong requests)
    {
        if (histogram is null)
        {
            return null;
        }

        var bounds = histogram.Bounds;
        return histogram.Counts.Count != bounds.Count + 1 ? $"has {histogram.Counts.Count} counts for {bounds.Count} bounds: one more than bounds is needed"
            : bounds.Any(bound => !double.IsFinite(bound)) || bounds.Zip(bounds.Skip(1)).Any(pair => pair.First >= pair.Second) ? "has bounds that do not ascend"
            : histogram.Counts.Any(count => count > MaxCount) || histogram.Counts.Aggregate(0UL, (sum, count) => sum + count) > requests ? $"has more values than its {requests} requests"
            : !double.IsFinite(histogram.Sum) || Math.Abs(histogram.Sum) > MaxSumSeconds ? $"has the sum {Text(histogram.Sum)}"
            : null;
    }

    private static void AddTo(Metrics.Histograms.Distribution distribution, ClassicIncrement? histogram) =>
        distribution.AddClassic(
            histogram is null ? [] : [.. histogram.Bounds],
            histogram is null ? [0] : [.. histogram.Counts.Select(count => (long)count)],
            histogram is null ? 0 : (long)Math.Round(histogram.Sum * 1e6));

    private SeriesId? SeriesOf(string model, string task, string variant)
    {
        var name = Choose(_settings.Model, model, _hello.Model);
        return name.Length == 0 ? null : new SeriesId(
            name,
            Choose(_settings.Task, task, _hello.Task) is { Length: > 0 } own ? own : SeriesPattern.DefaultTask,
            Choose(_settings.Variant, variant, _hello.Variant));
    }

    // What the configuration names stands above the entry, and that above the hello.
    private static string Choose(string? configured, string entry, string hello) =>
        configured ?? SeriesInterner.Clean(Encoding.UTF8.GetBytes(entry.Length > 0 ? entry : hello));

    private static DateTimeOffset? MomentOf(long microseconds) =>
        microseconds > 0 && microseconds < (WindowClock.End - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond
            ? DateTimeOffset.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond)
            : null;

    private static bool IsTime(double seconds) => double.IsFinite(seconds) && seconds >= 0;

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
