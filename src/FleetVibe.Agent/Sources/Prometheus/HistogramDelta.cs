namespace FleetVibe.Agent.Sources.Prometheus;

/// <summary>Differences of cumulative counters and classic histograms.</summary>
internal static class HistogramDelta
{
    /// <summary>Whether the total or any bucket fell. The sum may fall.</summary>
    public static bool Fell(Baseline before, long total, ClassicHistogram? now) =>
        total < before.Total
        || (before.Histogram is { } then && now is not null
            && Common(then, now).Exists(pair => now.Cumulative[pair.Now] < then.Cumulative[pair.Then]));

    /// <summary>Whether the buckets are others. A page that shows only some of them, or more than before, has the same ones.</summary>
    public static bool HasOtherLayout(Baseline before, ClassicHistogram? now) =>
        before.Histogram is { } then && now is not null
        && Common(then, now).Count < Math.Min(then.Bounds.Length, now.Bounds.Length);

    /// <summary>Everything that the reading holds.</summary>
    public static CounterGain Whole(CounterReading reading, DateTimeOffset from)
    {
        var total = reading.Total!.Value;
        return reading.Histogram is { } histogram
            ? new CounterGain(reading, from, total)
            {
                Bounds = histogram.Bounds,
                Buckets = ToBuckets(histogram.Cumulative, total),
                SumMicros = histogram.SumMicros ?? 0,
            }
            : new CounterGain(reading, from, total);
    }

    /// <summary>What the reading holds beyond its baseline; nothing fell.</summary>
    public static CounterGain Since(Baseline before, CounterReading reading, DateTimeOffset from)
    {
        var gain = new CounterGain(reading, from, reading.Total!.Value - before.Total);
        if (before.Histogram is not { } then || reading.Histogram is not { } now || gain.Count == 0)
        {
            return gain;
        }

        var common = Common(then, now);
        return gain with
        {
            Bounds = common.ConvertAll(pair => now.Bounds[pair.Now]).ToArray(),
            Buckets = ToBuckets(common.ConvertAll(pair => now.Cumulative[pair.Now] - then.Cumulative[pair.Then]), gain.Count),
            SumMicros = now.SumMicros is { } sum && then.SumMicros is { } past && sum > past ? sum - past : 0,
        };
    }

    /// <summary>The histogram to count from next time, after a difference: a sum that was not published yet keeps its old mark.</summary>
    public static ClassicHistogram? AfterDifference(Baseline before, CounterReading reading) =>
        reading.Histogram is { } now && before.Histogram is { } then && (reading.Total == before.Total || now.SumMicros is null)
            ? now with { SumMicros = then.SumMicros }
            : reading.Histogram;

    /// <summary>The histogram to count from next time, after all of it was counted.</summary>
    public static ClassicHistogram? AfterWhole(CounterReading reading) =>
        reading.Histogram is { } now ? now with { SumMicros = now.SumMicros ?? 0 } : null;

    private static List<(int Then, int Now)> Common(ClassicHistogram then, ClassicHistogram now)
    {
        var pairs = new List<(int, int)>(now.Bounds.Length);
        for (int i = 0, j = 0; i < then.Bounds.Length && j < now.Bounds.Length;)
        {
            var order = then.Bounds[i].CompareTo(now.Bounds[j]);
            if (order == 0)
            {
                pairs.Add((i, j));
            }

            i += order <= 0 ? 1 : 0;
            j += order >= 0 ? 1 : 0;
        }

        return pairs;
    }

    // Cumulative to per bucket. Buckets that contradict each other are forced to ascend, and the total is never exceeded.
    private static long[] ToBuckets(IReadOnlyList<long> cumulative, long total)
    {
        var buckets = new long[cumulative.Count + 1];
        long reached = 0;
        for (var i = 0; i < cumulative.Count; i++)
        {
            var upTo = Math.Min(Math.Max(cumulative[i], reached), total);
            buckets[i] = upTo - reached;
            reached = upTo;
        }

        buckets[^1] = total - reached;
        return buckets;
    }
}
