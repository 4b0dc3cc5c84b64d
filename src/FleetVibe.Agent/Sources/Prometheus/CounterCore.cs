namespace FleetVibe.Agent.Sources.Prometheus;

/// <summary>The counters of one page.</summary>
/// <param name="At">When it was read.</param>
/// <param name="Readings">One per series; a page's doubled lines are folded before.</param>
/// <param name="Complete">Nothing of the page was left out: no damaged line, no missing end.</param>
internal sealed record CounterPage(DateTimeOffset At, IReadOnlyList<CounterReading> Readings, bool Complete);

/// <summary>What a page brought, and the state once that is folded.</summary>
/// <param name="Restarted">The processes that began again since the last page.</param>
/// <param name="Replaced">The processes in whose place another answered, whose counters were not watched: nothing was counted.</param>
internal sealed record CounterStep(
    CounterState State, IReadOnlyList<CounterGain> Gains, IReadOnlySet<string> Restarted, IReadOnlySet<string> Replaced);

/// <summary>
/// Cumulative counters to gains. A fall is a reset, after which the new values count whole; where start times say more, they
/// decide. Where the past of a counter is in doubt it is a baseline: a count may miss what nobody can know, it is never above
/// the truth.
/// </summary>
internal static class CounterCore
{
    /// <summary>Two start times nearer than this are one: kernels compute them anew at every look.</summary>
    internal static readonly TimeSpan StartTolerance = TimeSpan.FromSeconds(2);

    /// <summary>How far a start may wander over some time and be the same: clocks differ, and who computes it rounds.</summary>
    internal static double DriftOver(double seconds) => StartTolerance.TotalSeconds + (Math.Max(seconds, 0) / 10);

    /// <summary>How far a server's clock may differ from ours before its start times are taken as another process's.</summary>
    internal static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(60);

    /// <summary>Series kept when they are no longer on the page; beyond, the longest unseen go first.</summary>
    internal const int MaxBaselines = 4000;

    private enum Verdict
    {
        Continues,
        SeriesReset,
        Restarted,
        AnotherProcess,
    }

    /// <summary>What the readings of one process say together.</summary>
    /// <param name="Worst">The gravest verdict on any of them.</param>
    /// <param name="RestartedAfter">It began again after this look.</param>
    private readonly record struct ProcessVerdict(Verdict Worst, DateTimeOffset RestartedAfter)
    {
        public ProcessVerdict With(Verdict verdict, DateTimeOffset? seen) => new(
            verdict > Worst ? verdict : Worst,
            verdict == Verdict.Restarted && seen > RestartedAfter ? seen.Value : RestartedAfter);

        /// <summary>
        /// A restart holds for every series not seen since. One that was seen later may have been counted after the restart
        /// already, and goes by its own values.
        /// </summary>
        public Verdict For(Verdict own, DateTimeOffset? seen) => Worst switch
        {
            Verdict.AnotherProcess => Verdict.AnotherProcess,
            Verdict.Restarted when seen is null || seen <= RestartedAfter => Verdict.Restarted,
            _ => own,
        };
    }

    private enum Decision
    {
        // No number that can be counted with.
        Nothing,
        Baseline,
        Difference,
        Whole,
    }

    public static CounterStep Advance(CounterState state, CounterPage page)
    {
        if (page.Readings.Count == 0)
        {
            return new CounterStep(state, [], new HashSet<string>(), new HashSet<string>());
        }

        var verdicts = new Dictionary<string, Verdict>(StringComparer.Ordinal);
        var processes = new Dictionary<string, ProcessVerdict>(StringComparer.Ordinal);
        foreach (var reading in page.Readings)
        {
            var before = state.Baselines.GetValueOrDefault(reading.Key);
            var verdict = Judge(reading, before, page);
            verdicts[reading.Key] = verdict;
            processes[reading.Process] = processes.GetValueOrDefault(reading.Process).With(verdict, before?.Seen);
        }

        var baselines = CarryUnseen(state, processes);
        var gains = new List<CounterGain>();
        foreach (var reading in page.Readings)
        {
            var before = state.Baselines.GetValueOrDefault(reading.Key);
            var verdict = processes[reading.Process].For(verdicts[reading.Key], before?.Seen);
            var decision = Decide(state, reading, before, verdict);
            if (decision is Decision.Difference or Decision.Whole)
            {
                gains.Add(decision == Decision.Difference
                    ? HistogramDelta.Since(before!, reading, Earlier(before!.Seen, page.At))
                    : HistogramDelta.Whole(reading, BeganAt(state, reading, before, page.At)));
            }

            baselines[reading.Key] = decision == Decision.Nothing
                ? KeepUnreadable(state, reading, before, verdict, page.At)
                : NextBaseline(reading, before, decision, page.At);
        }

        var next = state with
        {
            LastScrape = page.At,
            SeenComplete = state.SeenComplete || page.Complete,
            Baselines = Bounded(baselines),
        };
        return new CounterStep(next, gains, With(processes, Verdict.Restarted), With(processes, Verdict.AnotherProcess));
    }

    private static Verdict Judge(CounterReading reading, Baseline? before, CounterPage page)
    {
        if (before is null)
        {
            return Verdict.Continues;
        }

        var startIsKnown = reading.Started is { } now && before.Started is { } then && now.OfSeries == then.OfSeries;
        if (startIsKnown)
        {
            var moved = reading.Started!.Value.UnixSeconds - before.Started!.Value.UnixSeconds;
            if (Math.Abs(moved) > StartTolerance.TotalSeconds)
            {
                // A start before the last look cannot be a restart since: two servers answer under one address.
                if (moved > 0 && reading.Started.Value.Moment >= before.Seen - ClockTolerance)
                {
                    return Verdict.Restarted;
                }

                if (Math.Abs(moved) > DriftOver((page.At - before.Seen).TotalSeconds))
                {
                    return Verdict.AnotherProcess;
                }
            }
        }

        if (reading.Total is not { } total || before.Kind != BaselineKind.Known)
        {
            return Verdict.Continues;
        }

        if (HistogramDelta.Fell(before, total, reading.Histogram))
        {
            return startIsKnown ? Verdict.SeriesReset : Verdict.Restarted;
        }

        // An upgrade brings other buckets; so does a damaged page, or a damaged line of a process that never stopped.
        return !startIsKnown && page.Complete && HistogramDelta.HasOtherLayout(before, reading.Histogram)
            ? Verdict.Restarted
            : Verdict.Continues;
    }

    private static Decision Decide(CounterState state, CounterReading reading, Baseline? before, Verdict verdict)
    {
        if (reading.Total is null)
        {
            return Decision.Nothing;
        }

        return (verdict, before?.Kind) switch
        {
            (Verdict.AnotherProcess, _) => Decision.Baseline,
            (_, null) when reading.PastIsCounted => Decision.Baseline,
            (Verdict.Restarted or Verdict.SeriesReset, _) => Decision.Whole,
            (_, BaselineKind.Zero) => Decision.Whole,
            (_, BaselineKind.Known) => Decision.Difference,
            _ => BeganUnderWatch(state, reading, firstSight: before is null) ? Decision.Whole : Decision.Baseline,
        };
    }

    private static bool BeganUnderWatch(CounterState state, CounterReading reading, bool firstSight)
    {
        if (reading.Started is { } started)
        {
            if (started.Moment > state.WatchedSince)
            {
                return true;
            }

            if (started.OfSeries && started.Moment < state.WatchedSince - ClockTolerance)
            {
                return false;
            }
        }

        return firstSight && state.SeenComplete;
    }

    private static Baseline NextBaseline(CounterReading reading, Baseline? before, Decision decision, DateTimeOffset at) =>
        new(reading.Key, reading.Process, BaselineKind.Known, at)
        {
            Started = reading.Started,
            Total = reading.Total!.Value,
            Histogram = decision switch
            {
                Decision.Difference => HistogramDelta.AfterDifference(before!, reading),
                Decision.Whole => HistogramDelta.AfterWhole(reading),
                _ => reading.Histogram,
            },
        };

    // What was counted so far stands, unless its process began again.
    private static Baseline KeepUnreadable(
        CounterState state, CounterReading reading, Baseline? before, Verdict verdict, DateTimeOffset at)
    {
        if (verdict == Verdict.Continues && before is not null)
        {
            return before;
        }

        var fromZero = verdict == Verdict.Restarted
            || (verdict == Verdict.Continues && BeganUnderWatch(state, reading, firstSight: true));
        return new Baseline(
            reading.Key,
            reading.Process,
            fromZero ? BaselineKind.Zero : BaselineKind.Unreadable,
            before?.Seen ?? state.LastScrape ?? at) { Started = reading.Started };
    }

    private static Dictionary<string, Baseline> CarryUnseen(CounterState state, Dictionary<string, ProcessVerdict> processes)
    {
        var carried = new Dictionary<string, Baseline>(StringComparer.Ordinal);
        foreach (var (key, baseline) in state.Baselines)
        {
            carried[key] = processes.GetValueOrDefault(baseline.Process).For(Verdict.Continues, baseline.Seen) switch
            {
                Verdict.Restarted => new Baseline(key, baseline.Process, BaselineKind.Zero, baseline.Seen),
                Verdict.AnotherProcess => new Baseline(key, baseline.Process, BaselineKind.Unreadable, baseline.Seen),
                _ => baseline,
            };
        }

        return carried;
    }

    private static Dictionary<string, Baseline> Bounded(Dictionary<string, Baseline> baselines)
    {
        if (baselines.Count <= MaxBaselines)
        {
            return baselines;
        }

        return baselines.Values.OrderByDescending(b => b.Seen).ThenBy(b => b.Key, StringComparer.Ordinal).Take(MaxBaselines)
            .ToDictionary(b => b.Key, StringComparer.Ordinal);
    }

    private static HashSet<string> With(Dictionary<string, ProcessVerdict> processes, Verdict verdict) =>
        processes.Where(p => p.Value.Worst == verdict).Select(p => p.Key).ToHashSet(StringComparer.Ordinal);

    private static DateTimeOffset Earlier(DateTimeOffset from, DateTimeOffset at) => from < at ? from : at;

    // What counts whole came since the last look, or since its start where that was later.
    private static DateTimeOffset BeganAt(CounterState state, CounterReading reading, Baseline? before, DateTimeOffset at)
    {
        var since = before?.Seen ?? state.LastScrape ?? state.WatchedSince;
        return Earlier(reading.Started is { } started && started.Moment > since ? started.Moment : since, at);
    }
}
