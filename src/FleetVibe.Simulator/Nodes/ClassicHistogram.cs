namespace FleetVibe.Simulator.Nodes;

/// <summary>Counts at or below each bound, as a Prometheus client keeps them. Not thread safe.</summary>
internal sealed class ClassicHistogram(double[] bounds)
{
    private readonly long[] _inBucket = new long[bounds.Length + 1];
    private long _sumMicros;

    public IReadOnlyList<double> Bounds { get; } = bounds;

    public long Count { get; private set; }

    /// <summary>Kept in whole micro-units, so that it is the exact sum of what was observed.</summary>
    public double Sum => _sumMicros / 1e6;

    public void Observe(double value, long times = 1)
    {
        var bucket = Array.BinarySearch(bounds, value);
        _inBucket[bucket < 0 ? ~bucket : bucket] += times;
        Count += times;
        _sumMicros += (long)Math.Round(value * 1e6) * times;
    }

    /// <summary>Cumulative counts, the last one that of +Inf.</summary>
    public IEnumerable<long> Cumulative()
    {
        var sum = 0L;
        foreach (var count in _inBucket)
        {
            sum += count;
            yield return sum;
        }
    }
}
