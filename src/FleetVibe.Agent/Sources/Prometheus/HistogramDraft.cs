namespace FleetVibe.Agent.Sources.Prometheus;

/// <summary>The lines of one classic histogram as they come, in any order, doubled or not.</summary>
internal sealed class HistogramDraft
{
    private readonly SortedDictionary<double, long> _buckets = [];
    private long? _infinite;
    private long? _count;
    private double? _sum;
    private bool _damaged;

    public double? Created { get; set; }

    public void AddBucket(double bound, double value)
    {
        if (double.IsNaN(bound) || CountValue.From(value) is not { } count)
        {
            _damaged = true;
        }
        else if (double.IsPositiveInfinity(bound))
        {
            _infinite = Math.Max(_infinite ?? 0, count);
        }
        else
        {
            _buckets[bound] = Math.Max(_buckets.GetValueOrDefault(bound), count);
        }
    }

    public void AddCount(double value)
    {
        if (CountValue.From(value) is { } count)
        {
            _count = Math.Max(_count ?? 0, count);
        }
        else
        {
            _damaged = true;
        }
    }

    public void AddSum(double value) => _sum = value;

    /// <summary>
    /// The histogram, or no total where it cannot be counted with. +Inf comes out of the count where it is missing, buckets
    /// that do not ascend are raised to their running maximum, and no bucket exceeds the total.
    /// </summary>
    public (long? Total, ClassicHistogram? Histogram) Build()
    {
        if (_damaged || (_infinite ?? _count) is not { } total)
        {
            return (null, null);
        }

        var bounds = _buckets.Keys.ToArray();
        var cumulative = new long[bounds.Length];
        long reached = 0;
        for (var i = 0; i < bounds.Length; i++)
        {
            reached = Math.Max(reached, _buckets[bounds[i]]);
            cumulative[i] = reached;
        }

        return (Math.Max(total, reached), bounds.Length == 0 ? null : new ClassicHistogram(bounds, cumulative, CountValue.MicrosFrom(_sum ?? -1)));
    }
}
