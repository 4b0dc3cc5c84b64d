using FleetVibe.Agent.Spool.V1;
using Google.Protobuf;

namespace FleetVibe.Agent.Sources.Prometheus;

/// <summary>How much is known of a series that was counted before.</summary>
internal enum BaselineKind
{
    Known,
    Unreadable,
    Zero,
}

/// <summary>How far one series was counted.</summary>
/// <param name="Seen">The last page that showed it.</param>
internal sealed record Baseline(string Key, string Process, BaselineKind Kind, DateTimeOffset Seen)
{
    public StartTime? Started { get; init; }

    public long Total { get; init; }

    public ClassicHistogram? Histogram { get; init; }
}

/// <summary>How far the counters of one source were counted; immutable. It travels in the report as its checkpoint.</summary>
internal sealed record CounterState(string Origin, DateTimeOffset WatchedSince)
{
    /// <summary>The last page with counters.</summary>
    public DateTimeOffset? LastScrape { get; init; }

    /// <summary>A page was read whole: a series that appears later is new.</summary>
    public bool SeenComplete { get; init; }

    /// <summary>Where a command wants to go on, in its own words; null where it said nothing.</summary>
    public string? Cursor { get; init; }

    /// <summary>By process, where start times are not taken as they come. Not stored.</summary>
    public IReadOnlyDictionary<string, StartTrail> Starts { get; init; } = new Dictionary<string, StartTrail>();

    public IReadOnlyDictionary<string, Baseline> Baselines { get; init; } = new Dictionary<string, Baseline>();

    /// <summary>
    /// The state out of a checkpoint. Where there is none, where it is of another origin or cannot be read, everything that
    /// began before <paramref name="now"/> is a baseline: nothing is counted that may have been counted before.
    /// </summary>
    public static CounterState Load(byte[]? checkpoint, string origin, DateTimeOffset watchedSince, bool spoolIsFresh, DateTimeOffset now)
    {
        if (checkpoint is null)
        {
            return new CounterState(origin, spoolIsFresh ? now : watchedSince);
        }

        try
        {
            var stored = ScrapeCheckpoint.Parser.ParseFrom(checkpoint);
            return stored.Origin == origin ? Restore(stored, watchedSince) : new CounterState(origin, now);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or ArgumentException)
        {
            return new CounterState(origin, now);
        }
    }

    /// <summary>The start times that a process gave; after a restart of the agent the one that its counters were last told.</summary>
    public StartTrail? TrailOf(string process) => Starts.GetValueOrDefault(process)
        ?? (Baselines.Values.FirstOrDefault(b => b.Process == process && b.Started is { OfSeries: false }) is { Started: { } told } baseline
            ? new StartTrail(told.UnixSeconds, baseline.Seen, 0, [told.UnixSeconds]) { Told = told }
            : null);

    public byte[] ToCheckpoint()
    {
        var stored = new ScrapeCheckpoint { Origin = Origin, WatchedSince = WatchedSince.UtcTicks, SeenComplete = SeenComplete };
        if (LastScrape is { } last)
        {
            stored.LastScrape = last.UtcTicks;
        }

        if (Cursor is { } cursor)
        {
            stored.Cursor = cursor;
        }

        stored.Series.AddRange(Baselines.Values.OrderBy(b => b.Key, StringComparer.Ordinal).Select(Store));
        return stored.ToByteArray();
    }

    private static CounterState Restore(ScrapeCheckpoint stored, DateTimeOffset watchedSince)
    {
        var since = new DateTimeOffset(stored.WatchedSince, TimeSpan.Zero);
        return new CounterState(stored.Origin, since > watchedSince ? since : watchedSince)
        {
            LastScrape = stored.HasLastScrape ? new DateTimeOffset(stored.LastScrape, TimeSpan.Zero) : null,
            SeenComplete = stored.SeenComplete,
            Cursor = stored.HasCursor ? stored.Cursor : null,
            Baselines = stored.Series.Select(Restore).ToDictionary(b => b.Key, StringComparer.Ordinal),
        };
    }

    private static SeriesBaseline Store(Baseline baseline)
    {
        var stored = new SeriesBaseline
        {
            Key = baseline.Key,
            Process = baseline.Process,
            Kind = (SeriesBaseline.Types.Kind)baseline.Kind,
            Seen = baseline.Seen.UtcTicks,
            Total = baseline.Total,
        };
        if (baseline.Started is { } started)
        {
            stored.Started = started.UnixSeconds;
            stored.StartedIsOwn = started.OfSeries;
        }

        if (baseline.Histogram is { } histogram)
        {
            stored.Bounds.AddRange(histogram.Bounds);
            stored.Cumulative.AddRange(histogram.Cumulative);
            if (histogram.SumMicros is { } sum)
            {
                stored.SumMicros = sum;
            }
        }

        return stored;
    }

    private static Baseline Restore(SeriesBaseline stored) =>
        new(stored.Key, stored.Process, (BaselineKind)stored.Kind, new DateTimeOffset(stored.Seen, TimeSpan.Zero))
        {
            Started = stored.HasStarted ? new StartTime(stored.Started, stored.StartedIsOwn) : null,
            Total = stored.Total,
            Histogram = stored.Bounds.Count > 0
                ? new ClassicHistogram([.. stored.Bounds], [.. stored.Cumulative], stored.HasSumMicros ? stored.SumMicros : null)
                : null,
        };
}
