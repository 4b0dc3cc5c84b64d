using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>
/// Which of an engine's counters give a figure. Several that count the same, such as the end-to-end histogram and the
/// finishes, or a counter under its old and its new name, are all followed, but a process keeps to the best that it had
/// until it begins again.
/// </summary>
internal static class EngineCounting
{
    public static (CounterState State, IReadOnlyList<CounterDelta> Deltas, CounterStep Step) Advance(
        EngineTable table, string keyPrefix, CounterState state, DateTimeOffset at, EnginePage page)
    {
        var before = SlotsOf(keyPrefix, state.Baselines.Values.Select(b => (b.Key, b.Process)));
        var now = SlotsOf(keyPrefix, page.Readings.Select(r => (r.Key, r.Process)));

        // It turned up late: its past was counted by a lesser one.
        bool IsLate(string[] route, string slot, string process) =>
            now.Contains((slot, process)) && !before.Contains((slot, process))
            && Lesser(route, slot).Any(other => before.Contains((other, process)));
        bool IsLateAnywhere(CounterReading reading) =>
            table.Routes.Values.Any(route => IsLate(route, SlotOf(keyPrefix, reading.Key), reading.Process));

        var readings = new List<CounterReading>(page.Readings.Count);
        foreach (var reading in page.Readings)
        {
            if (!IsLateAnywhere(reading))
            {
                readings.Add(reading);
            }
            else if (reading.Total is not null)
            {
                readings.Add(reading with { PastIsCounted = true });
            }
        }

        var step = CounterCore.Advance(state, new CounterPage(at, readings, page.IsComplete));

        // It is gone since its process began again, so that nothing of it was counted: a lesser one takes over.
        var atZero = SlotsOf(keyPrefix, step.State.Baselines.Values.Where(b => b.Kind == BaselineKind.Zero).Select(b => (b.Key, b.Process)));
        bool IsLost(string[] route, string slot, string process) =>
            before.Contains((slot, process)) && !now.Contains((slot, process)) && atZero.Contains((slot, process))
            && Lesser(route, slot).Any(other => now.Contains((other, process)));
        var lost = before.Where(had => table.Routes.Values.Any(route => IsLost(route, had.Slot, had.Process))).ToHashSet();

        string? Giving(Figure figure, string process)
        {
            var route = table.Routes[figure];
            return route.FirstOrDefault(slot => !IsLate(route, slot, process) && !lost.Contains((slot, process))
                && (now.Contains((slot, process)) || before.Contains((slot, process))));
        }

        var next = lost.Count == 0 ? step.State : step.State with
        {
            Baselines = step.State.Baselines
                .Where(b => !lost.Contains((SlotOf(keyPrefix, b.Key), b.Value.Process)))
                .ToDictionary(StringComparer.Ordinal),
        };
        return (next, Fold(table, keyPrefix, page, step.Gains, Giving, at), step);
    }

    private static List<CounterDelta> Fold(
        EngineTable table, string keyPrefix, EnginePage page, IReadOnlyList<CounterGain> gains, Func<Figure, string, string?> giving, DateTimeOffset at)
    {
        var deltas = new Dictionary<(SeriesId Series, DateTimeOffset From), SeriesTotals>();
        foreach (var gain in gains)
        {
            var key = (gain.Reading.Series, gain.From);
            if (!deltas.TryGetValue(key, out var totals))
            {
                deltas[key] = totals = new SeriesTotals();
            }

            var slot = SlotOf(keyPrefix, gain.Reading.Key);
            Add(table, totals, gain, figure => giving(figure, gain.Reading.Process), slot);
        }

        // A series without a gain is named all the same: the page shows it.
        foreach (var series in page.Readings.Select(r => r.Series).Distinct().Where(s => !deltas.Keys.Any(k => k.Series == s)).ToList())
        {
            deltas[(series, at)] = new SeriesTotals();
        }

        return [.. deltas.OrderBy(d => d.Key.From).Select(d => new CounterDelta(d.Key.Series, d.Key.From, at, d.Value))];
    }

    private static void Add(EngineTable table, SeriesTotals totals, CounterGain gain, Func<Figure, string?> giving, string slot)
    {
        long If(Figure figure) => giving(figure) == slot ? gain.Count : 0;
        switch (gain.Reading.Measure)
        {
            case Measure.InputTokens:
                totals.InputTokens += If(Figure.InputTokens);
                break;
            case Measure.OutputTokens:
                totals.OutputTokens += If(Figure.OutputTokens);
                break;
            case Measure.ResponseTime:
                totals.Requests += If(Figure.Requests);
                AddBuckets(totals.ResponseTime, gain, If(Figure.ResponseTime));
                break;
            case Measure.Ttft:
                AddBuckets(totals.Ttft, gain, If(Figure.Ttft));
                break;
            case Measure.Requests or Measure.Succeeded or Measure.FinishedNormally:
                totals.Requests += If(Figure.Requests);
                break;
            case Measure.FinishedAtLimit:
                totals.LengthLimited += If(Figure.Finished);
                totals.Requests += If(Figure.Requests);
                break;
            case Measure.FinishedInError:
                // With a counter of errors beside them, that one has it.
                totals.Errors += table.HasErrors ? 0 : If(Figure.Finished);
                totals.Requests += table.HasErrors ? 0 : If(Figure.Requests);
                break;
            case Measure.LengthLimited:
                totals.LengthLimited += If(Figure.LengthLimited);
                break;
            case Measure.Errors:
                var errors = If(Figure.Errors);
                totals.Errors += errors;
                totals.Requests += AreBeside(table, giving(Figure.Requests)) ? errors : 0;
                break;
            default:
                throw new InvalidOperationException($"{gain.Reading.Measure} is not a measure of an engine");
        }
    }

    // Errors that what counts the requests has not.
    private static bool AreBeside(EngineTable table, string? slotOfRequests) =>
        IsOf(slotOfRequests, Figure.Succeeded) || IsOf(slotOfRequests, Figure.Finished) || (table.LatencyIsOfSuccesses && IsOf(slotOfRequests, Figure.ResponseTime));

    private static bool IsOf(string? slot, Figure figure) => slot?.Split('.')[0] == $"{(int)figure}";

    private static void AddBuckets(Metrics.Histograms.Distribution distribution, CounterGain gain, long counted)
    {
        if (counted > 0 && gain.Bounds.Length > 0)
        {
            distribution.AddClassic(gain.Bounds, gain.Buckets, gain.SumMicros);
        }
    }

    private static IEnumerable<string> Lesser(string[] route, string slot)
    {
        var place = Array.IndexOf(route, slot);
        return place < 0 ? [] : route.Skip(place + 1);
    }

    private static HashSet<(string Slot, string Process)> SlotsOf(string keyPrefix, IEnumerable<(string Key, string Process)> series) =>
        [.. series.Where(s => s.Key.StartsWith(keyPrefix, StringComparison.Ordinal)).Select(s => (SlotOf(keyPrefix, s.Key), s.Process))];

    private static string SlotOf(string keyPrefix, string key) =>
        key[keyPrefix.Length..Math.Max(key.IndexOf('{', StringComparison.Ordinal), keyPrefix.Length)];
}
