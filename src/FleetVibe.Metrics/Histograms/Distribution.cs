namespace FleetVibe.Metrics.Histograms;

/// <summary>How the values of a distribution came.</summary>
public enum Precision
{
    /// <summary>No value.</summary>
    None,

    /// <summary>Every value by itself: quantiles within 0.55 %.</summary>
    Exact,

    /// <summary>In a source's buckets: the truth lies in [lo, hi].</summary>
    Bucket,

    /// <summary>Some of both.</summary>
    Mixed,
}

/// <summary>A quantile with what is certain about it. Same unit as the distribution.</summary>
/// <param name="Estimate">The published value.</param>
/// <param name="Low">The truth is not below it. Null while only exact values are in.</param>
/// <param name="High">The truth is not above it. Null while only exact values are in, and where the rank lies above the highest finite bound.</param>
public readonly record struct QuantileBounds(double Estimate, double? Low, double? High);

/// <summary>
/// An estimate and, once a bucketed source is in, the certain lower and upper distribution beside it.
/// Merging adds each; the result does not depend on the order. Not thread safe.
/// </summary>
public sealed class Distribution
{
    private readonly SortedList<double, long> _overflow = [];

    public ExponentialHistogram Estimate { get; private set; } = new();

    /// <summary>All mass at its lowest possible value; null while only exact values are in.</summary>
    public ExponentialHistogram? Lower { get; private set; }

    /// <summary>All mass at its highest possible value, without the overflow; null while only exact values are in.</summary>
    public ExponentialHistogram? Upper { get; private set; }

    /// <summary>Values above the highest finite bound of their source, by that bound.</summary>
    public IReadOnlyDictionary<double, long> OverflowByBound => _overflow;

    public long ExactCount { get; private set; }

    public long BucketedCount { get; private set; }

    public long Count => Estimate.Count;

    public long Overflow { get; private set; }

    public Precision Precision => (ExactCount, BucketedCount) switch
    {
        (0, 0) => Precision.None,
        (_, 0) => Precision.Exact,
        (0, _) => Precision.Bucket,
        _ => Precision.Mixed,
    };

    /// <summary>Records an exact value. False where it is not a finite number.</summary>
    public bool Record(double value)
    {
        if (!Estimate.Record(value))
        {
            return false;
        }

        Lower?.Record(value);
        Upper?.Record(value);
        ExactCount++;
        if (BucketedCount > 0)
        {
            Estimate.ForgetRange();
        }

        return true;
    }

    /// <summary>
    /// Adds what a classic histogram counted since the last look.
    /// </summary>
    /// <param name="bounds">Finite upper bounds, strictly ascending. Those above <see cref="HistogramScale.MaxValue"/> count as +Inf.</param>
    /// <param name="deltas">Count per bucket (not cumulative); one more than bounds, the last is +Inf.</param>
    /// <param name="sumMicros">Change of the sum, in micro-units. It may come without a count: sources write the two apart.</param>
    /// <exception cref="ArgumentException">The lengths do not fit, the bounds do not ascend, or a delta is negative.</exception>
    public void AddClassic(ReadOnlySpan<double> bounds, ReadOnlySpan<long> deltas, long sumMicros)
    {
        if (deltas.Length != bounds.Length + 1)
        {
            throw new ArgumentException($"{bounds.Length} bounds need {bounds.Length + 1} counts, not {deltas.Length}", nameof(deltas));
        }

        for (var i = 0; i < bounds.Length; i++)
        {
            if (!double.IsFinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1]))
            {
                throw new ArgumentException($"bound {bounds[i]} at {i} is not a finite number above the bound before it", nameof(bounds));
            }
        }

        long total = 0;
        foreach (var delta in deltas)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(delta, nameof(deltas));
            total += delta;
        }

        Estimate.AddSum(sumMicros);
        if (total == 0)
        {
            return;
        }

        BecomeBucketed();
        var known = bounds.Length;
        while (known > 0 && bounds[known - 1] > HistogramScale.MaxValue)
        {
            known--;
        }

        long placed = 0;
        for (var i = 0; i < known; i++)
        {
            if (deltas[i] > 0)
            {
                ClassicBuckets.Spread(i == 0 ? 0 : bounds[i - 1], bounds[i], deltas[i], Estimate, Lower!, Upper!);
                placed += deltas[i];
            }
        }

        if (total > placed)
        {
            AddOverflow(known == 0 ? 0 : bounds[known - 1], total - placed);
        }

        BucketedCount += total;
        Estimate.ForgetRange();
    }

    /// <summary>Adds everything that another distribution holds.</summary>
    public void Merge(Distribution other)
    {
        if (other.Lower is not null)
        {
            BecomeBucketed();
        }

        Estimate.Merge(other.Estimate);
        if (Lower is not null)
        {
            Lower.Merge(other.Lower ?? other.Estimate);
            Upper!.Merge(other.Upper ?? other.Estimate);
        }

        // By index: the enumerator of a sorted list is an object.
        for (var i = 0; i < other._overflow.Count; i++)
        {
            var bound = other._overflow.GetKeyAtIndex(i);
            _overflow[bound] = _overflow.GetValueOrDefault(bound) + other._overflow.GetValueAtIndex(i);
        }

        Overflow += other.Overflow;
        ExactCount += other.ExactCount;
        BucketedCount += other.BucketedCount;
        if (BucketedCount > 0)
        {
            Estimate.ForgetRange();
        }
    }

    /// <summary>Nearest-rank quantile with its bounds; null while empty.</summary>
    /// <param name="permille">1 to 1000.</param>
    public QuantileBounds? Quantile(int permille)
    {
        if (Estimate.Quantile(permille) is not { } estimate)
        {
            return null;
        }

        if (Lower is null)
        {
            return new QuantileBounds(estimate, null, null);
        }

        var rank = ExponentialHistogram.RankOf(Count, permille);
        var low = Lower.TryFindBucket(rank, out var lowest) ? HistogramScale.LowerEdge(lowest) : 0;
        if (rank > Upper!.Count)
        {
            // Without a finite upper bound the value is known to be above a source's last bound, or, where sources have
            // different bounds, in the bucket of one that reaches further.
            return low > 0 && OverflowBoundIn(lowest) is { } bound
                ? new QuantileBounds(IsInBucket(estimate, lowest) ? bound : Math.Max(bound, estimate), bound, null)
                : new QuantileBounds(Math.Max(low, estimate), low, null);
        }

        // Not Math.Clamp: a distribution that came over the wire may contradict itself.
        var high = Upper.TryFindBucket(rank, out var highest) ? HistogramScale.UpperEdge(highest) : 0;
        return new QuantileBounds(Math.Max(low, Math.Min(estimate, high)), low, high);
    }

    private static bool IsInBucket(double value, int bucket) =>
        value > HistogramScale.LowerEdge(bucket) && value <= HistogramScale.UpperEdge(bucket);

    /// <summary>Mean in the distribution's unit; null while empty.</summary>
    public double? Mean => Count == 0 ? null : Estimate.SumMicros / 1e6 / Count;

    public Distribution Clone()
    {
        var copy = new Distribution
        {
            Estimate = Estimate.Clone(),
            Lower = Lower?.Clone(),
            Upper = Upper?.Clone(),
            ExactCount = ExactCount,
            BucketedCount = BucketedCount,
            Overflow = Overflow,
        };
        foreach (var (bound, count) in _overflow)
        {
            copy._overflow[bound] = count;
        }

        return copy;
    }

    /// <summary>Puts a stored distribution together again. Lower and upper belong together: both or neither.</summary>
    public static Distribution Restore(
        ExponentialHistogram estimate,
        ExponentialHistogram? lower,
        ExponentialHistogram? upper,
        IEnumerable<KeyValuePair<double, long>> overflow,
        long exactCount,
        long bucketedCount)
    {
        if (lower is null != upper is null)
        {
            throw new ArgumentException("lower and upper belong together", nameof(upper));
        }

        var restored = new Distribution
        {
            Estimate = estimate,
            Lower = lower,
            Upper = upper,
            ExactCount = exactCount,
            BucketedCount = bucketedCount,
        };
        foreach (var (bound, count) in overflow)
        {
            restored._overflow[bound] = restored._overflow.GetValueOrDefault(bound) + count;
            restored.Overflow += count;
        }

        return restored;
    }

    private void BecomeBucketed()
    {
        if (Lower is null)
        {
            Lower = Estimate.Clone();
            Upper = Estimate.Clone();
        }
    }

    private void AddOverflow(double bound, long count)
    {
        if (bound >= HistogramScale.MinValue)
        {
            var index = HistogramScale.IndexOf(bound);
            Estimate.AddToBucket(index, count);
            Lower!.AddToBucket(index, count);
        }
        else
        {
            Estimate.AddToZero(count);
            Lower!.AddToZero(count);
        }

        _overflow[bound] = _overflow.GetValueOrDefault(bound) + count;
        Overflow += count;
    }

    // The bound itself, where nothing but that bound's overflow stands in the bucket: nothing there is below it.
    private double? OverflowBoundIn(int bucket)
    {
        for (var i = 0; i < _overflow.Count; i++)
        {
            var bound = _overflow.GetKeyAtIndex(i);
            if (bound >= HistogramScale.MinValue && HistogramScale.IndexOf(Math.Min(bound, HistogramScale.MaxValue)) == bucket)
            {
                return Lower!.Counts[bucket - Lower.FirstIndex] == _overflow.GetValueAtIndex(i) ? bound : null;
            }
        }

        return null;
    }
}
