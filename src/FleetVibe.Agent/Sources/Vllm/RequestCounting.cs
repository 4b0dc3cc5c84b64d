using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.Vllm;

/// <summary>
/// Which of vLLM's counters count requests: the end-to-end histogram, or, in an engine that has none, the finishes. Both
/// count the same requests, so an engine keeps to one of them until it begins again.
/// </summary>
internal static class RequestCounting
{
    public static (CounterState State, IReadOnlyList<CounterDelta> Deltas, CounterStep Step) Advance(
        CounterState state, DateTimeOffset at, VllmPage page)
    {
        var hadLatency = ProcessesOf(state, VllmFamilies.ResponseTime);
        var hadFinishes = ProcessesOf(state, VllmFamilies.RequestSuccess);
        var hasLatency = page.Readings.Where(r => r.Measure == Measure.ResponseTime).Select(r => r.Process).ToHashSet(StringComparer.Ordinal);
        var hasFinishes = page.Readings.Where(IsFinish).Select(r => r.Process).ToHashSet(StringComparer.Ordinal);

        // The histogram turned up late: its past was counted by the finishes.
        bool IsLate(string process) => hasLatency.Contains(process) && hadFinishes.Contains(process) && !hadLatency.Contains(process);
        var readings = page.Readings
            .Where(r => r.Measure != Measure.ResponseTime || r.Total is not null || !IsLate(r.Process))
            .Select(r => r.Measure == Measure.ResponseTime && IsLate(r.Process) ? r with { PastIsCounted = true } : r)
            .ToList();
        var step = CounterCore.Advance(state, new CounterPage(at, readings, page.IsComplete));

        // It began again without the histogram, of which nothing was counted since: the finishes take over.
        bool LostLatency(string process) => !hasLatency.Contains(process) && hasFinishes.Contains(process)
            && step.State.Baselines.Values.Any(b => b.Process == process && b.Kind == BaselineKind.Zero && IsOf(b.Key, VllmFamilies.ResponseTime));
        var lost = hadLatency.Where(LostLatency).ToHashSet(StringComparer.Ordinal);

        bool CountsFinishes(string process) =>
            IsLate(process) || lost.Contains(process) || !(hasLatency.Contains(process) || hadLatency.Contains(process));
        var next = lost.Count == 0 ? step.State : step.State with
        {
            Baselines = step.State.Baselines
                .Where(b => !(IsOf(b.Key, VllmFamilies.ResponseTime) && lost.Contains(b.Value.Process)))
                .ToDictionary(StringComparer.Ordinal),
        };
        return (next, Fold(page, step.Gains, CountsFinishes, at), step);
    }

    private static List<CounterDelta> Fold(
        VllmPage page, IReadOnlyList<CounterGain> gains, Func<string, bool> countsFinishes, DateTimeOffset at)
    {
        var deltas = new Dictionary<(SeriesId Series, DateTimeOffset From), SeriesTotals>();
        foreach (var gain in gains)
        {
            var key = (gain.Reading.Series, gain.From);
            if (!deltas.TryGetValue(key, out var totals))
            {
                deltas[key] = totals = new SeriesTotals();
            }

            Add(totals, gain, countsFinishes(gain.Reading.Process));
        }

        // A series without a gain is named all the same: the page shows it.
        foreach (var series in page.Readings.Select(r => r.Series).Distinct().Where(s => !deltas.Keys.Any(k => k.Series == s)).ToList())
        {
            deltas[(series, at)] = new SeriesTotals();
        }

        return [.. deltas.OrderBy(d => d.Key.From).Select(d => new CounterDelta(d.Key.Series, d.Key.From, at, d.Value))];
    }

    private static void Add(SeriesTotals totals, CounterGain gain, bool finishesCount)
    {
        switch (gain.Reading.Measure)
        {
            case Measure.InputTokens:
                totals.InputTokens += gain.Count;
                break;
            case Measure.OutputTokens:
                totals.OutputTokens += gain.Count;
                break;
            case Measure.ResponseTime:
                totals.Requests += gain.Count;
                AddBuckets(totals.ResponseTime, gain);
                break;
            case Measure.Ttft:
                AddBuckets(totals.Ttft, gain);
                break;
            case Measure.FinishedInError:
                totals.Errors += gain.Count;
                totals.Requests += finishesCount ? gain.Count : 0;
                break;
            case Measure.FinishedAtLimit:
                totals.LengthLimited += gain.Count;
                totals.Requests += finishesCount ? gain.Count : 0;
                break;
            case Measure.FinishedNormally:
                totals.Requests += finishesCount ? gain.Count : 0;
                break;
            default:
                throw new InvalidOperationException($"{gain.Reading.Measure} is not a measure of vLLM");
        }
    }

    private static void AddBuckets(Metrics.Histograms.Distribution distribution, CounterGain gain)
    {
        if (gain.Bounds.Length > 0)
        {
            distribution.AddClassic(gain.Bounds, gain.Buckets, gain.SumMicros);
        }
    }

    private static HashSet<string> ProcessesOf(CounterState state, int family) =>
        state.Baselines.Values.Where(b => IsOf(b.Key, family)).Select(b => b.Process).ToHashSet(StringComparer.Ordinal);

    private static bool IsOf(string key, int family) => key.StartsWith($"{family}{{", StringComparison.Ordinal);

    private static bool IsFinish(CounterReading reading) =>
        reading.Measure is Measure.FinishedNormally or Measure.FinishedAtLimit or Measure.FinishedInError;
}
