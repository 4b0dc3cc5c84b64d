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
    /// <param name="bounds">Finite upper bounds, ascending.</param>
    /// <param name="deltas">Count per bucket (not cumulative); one more than bounds, the last is +Inf.</param>
    /// <param name="sumMicros">Change of the sum, in micro-units.</param>
    /// <exception cref="ArgumentException">The lengths do not fit, or a delta is negative.</exception>
    public void AddClassic(ReadOnlySpan<double> bounds, ReadOnlySpan<long> deltas, long sumMicros)
    {
        if (deltas.Length != bounds.Length + 1)
        {
            throw new ArgumentException($"{bounds.Length} bounds need {bounds.Length + 1} counts, not {deltas.Length}", nameof(deltas));
        }

        long total = 0;
        foreach (var delta in deltas)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(delta, nameof(deltas));
            total += delta;
        }

        if (total == 0)
        {
            return;
        }

        BecomeBucketed();
        for (var i = 0; i < bounds.Length; i++)
        {
            if (deltas[i] > 0)
            {
                ClassicBuckets.Spread(i == 0 ? 0 : bounds[i - 1], bounds[i], deltas[i], Estimate, Lower!, Upper!);
            }
        }

        if (deltas[^1] > 0)
        {
            AddOverflow(bounds.Length == 0 ? 0 : bounds[^1], deltas[^1]);
        }

        Estimate.AddSum(sumMicros);
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

        foreach (var (bound, count) in other._overflow)
        {
            _overflow[bound] = _overflow.GetValueOrDefault(bound) + count;
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
        var lowIsPositive = Lower.TryFindBucket(rank, out var lowest);
        var low = lowIsPositive ? HistogramScale.LowerEdge(lowest) : 0;
        if (rank > Upper!.Count)
        {
            low = lowIsPositive ? OverflowBoundIn(lowest) ?? low : low;
            return new QuantileBounds(low, low, null);
        }

        var high = Upper.TryFindBucket(rank, out var highest) ? HistogramScale.UpperEdge(highest) : 0;
        return new QuantileBounds(Math.Clamp(estimate, low, high), low, high);
    }

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
        if (bound > 0)
        {
            var index = HistogramScale.IndexOf(Math.Clamp(bound, HistogramScale.MinValue, HistogramScale.MaxValue));
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
        foreach (var (bound, count) in _overflow)
        {
            if (bound > 0 && HistogramScale.IndexOf(Math.Clamp(bound, HistogramScale.MinValue, HistogramScale.MaxValue)) == bucket)
            {
                return Lower!.Counts[bucket - Lower.FirstIndex] == count ? bound : null;
            }
        }

        return null;
    }
}
