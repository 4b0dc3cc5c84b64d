using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Tests.Sources.Prometheus;

/// <summary>Short hand for pages of counters.</summary>
internal static class Counters
{
    public static readonly DateTimeOffset Epoch = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);

    private static readonly SeriesId Series = new("m", "t");

    public static DateTimeOffset At(double seconds) => Epoch.AddSeconds(seconds);

    public static CounterState Fresh(double watchedSince = 0) => new("origin", At(watchedSince));

    public static CounterReading Plain(string key, long? total, double? started = null, bool own = false, string process = "p") =>
        new(key, process, Series, Measure.OutputTokens) { Total = total, Started = started is { } s ? new StartTime(At(s).ToUnixTimeMilliseconds() / 1e3, own) : null };

    public static CounterReading Buckets(string key, double[] bounds, long[] cumulative, long total, double? sum = null, double? started = null) =>
        Plain(key, total, started) with { Histogram = new ClassicHistogram(bounds, cumulative, sum is { } s ? (long)(s * 1e6) : null) };

    public static CounterStep Read(this CounterState state, double at, params CounterReading[] readings) =>
        CounterCore.Advance(state, new CounterPage(At(at), readings, Complete: true));

    public static CounterStep ReadIncomplete(this CounterState state, double at, params CounterReading[] readings) =>
        CounterCore.Advance(state, new CounterPage(At(at), readings, Complete: false));

    public static CounterStep Then(this CounterStep step, double at, params CounterReading[] readings) => step.State.Read(at, readings);

    public static long Gained(this CounterStep step, string key) => step.Gains.Where(g => g.Reading.Key == key).Sum(g => g.Count);
}
