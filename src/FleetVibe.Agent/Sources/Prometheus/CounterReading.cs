using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.Prometheus;

/// <summary>What the change of a counter means for its series.</summary>
internal enum Measure
{
    Requests,
    Errors,
    InputTokens,
    OutputTokens,
    ResponseTime,
    Ttft,
    FinishedNormally,
    FinishedAtLimit,
    FinishedInError,
    Succeeded,
    LengthLimited,
}

/// <summary>When a counter began, as its server says.</summary>
/// <param name="UnixSeconds">Start of the series or of its process.</param>
/// <param name="OfSeries">Of the series itself (<c>_created</c>), not only of the process.</param>
internal readonly record struct StartTime(double UnixSeconds, bool OfSeries)
{
    public DateTimeOffset Moment => DateTimeOffset.UnixEpoch.AddSeconds(UnixSeconds);

    /// <summary>Null where the number cannot be a moment up to now (a minute of clock difference is let pass).</summary>
    public static StartTime? From(double? unixSeconds, bool ofSeries, DateTimeOffset now) =>
        unixSeconds is { } seconds && seconds > 0 && seconds < now.ToUnixTimeSeconds() + 60
            ? new StartTime(seconds, ofSeries)
            : null;
}

/// <summary>One counter on one page: a plain one, or a classic histogram.</summary>
/// <param name="Key">Names the series on this page for ever: name and identifying labels.</param>
/// <param name="Process">Readings of one process begin again together.</param>
/// <param name="Series">The fleet series that it belongs to.</param>
/// <param name="Measure">What it counts there.</param>
internal sealed record CounterReading(string Key, string Process, SeriesId Series, Measure Measure)
{
    /// <summary>Cumulative value; null where the page shows the series but no number that can be counted with.</summary>
    public long? Total { get; init; }

    /// <summary>Null for a plain counter.</summary>
    public ClassicHistogram? Histogram { get; init; }

    public StartTime? Started { get; init; }

    /// <summary>Its past was counted by another series already: the first value is a baseline whatever the start times say.</summary>
    public bool PastIsCounted { get; init; }
}

/// <summary>Cumulative buckets. <paramref name="Bounds"/> ascend and are finite; the total stands in the reading.</summary>
/// <param name="SumMicros">Null where the page had none that can be used.</param>
internal sealed record ClassicHistogram(double[] Bounds, long[] Cumulative, long? SumMicros);

/// <summary>What one reading gained since it was last counted.</summary>
/// <param name="From">When it was last counted, or when it began.</param>
/// <param name="Count">Never negative.</param>
internal sealed record CounterGain(CounterReading Reading, DateTimeOffset From, long Count)
{
    /// <summary>Histograms: finite upper bounds of <see cref="Buckets"/>.</summary>
    public double[] Bounds { get; init; } = [];

    /// <summary>Histograms: count per bucket, the last is +Inf; they add up to the count.</summary>
    public long[] Buckets { get; init; } = [];

    /// <summary>Histograms: change of the sum.</summary>
    public long SumMicros { get; init; }
}
