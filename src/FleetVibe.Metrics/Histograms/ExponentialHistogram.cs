namespace FleetVibe.Metrics.Histograms;

/// <summary>
/// Exponential histogram at the fixed scale of <see cref="HistogramScale"/>. Counts, sum, minimum and maximum are exact;
/// merging loses nothing and does not depend on order. Recording and merging allocate only when a value lies
/// outside the range of buckets seen so far. Not thread safe.
/// </summary>
public sealed class ExponentialHistogram
{
    private const int GrowthStep = 64;

    private long[] _counts = [];
    private int _firstIndex;

    /// <summary>Recorded values, those in the zero bucket included.</summary>
    public long Count { get; private set; }

    /// <summary>Values of zero and below.</summary>
    public long ZeroCount { get; private set; }

    /// <summary>Sum in micro-units, each value rounded to the nearest.</summary>
    public long SumMicros { get; private set; }

    /// <summary>Smallest recorded value; positive infinity while empty or unknown.</summary>
    public double Min { get; private set; } = double.PositiveInfinity;

    /// <summary>Largest recorded value; negative infinity while empty or unknown.</summary>
    public double Max { get; private set; } = double.NegativeInfinity;

    /// <summary>Values moved to the edge of [1e-6, 1e7].</summary>
    public long Clamped { get; private set; }

    /// <summary>Whether <see cref="Min"/> and <see cref="Max"/> are known for every value.</summary>
    public bool HasRange => Min <= Max;

    /// <summary>Bucket index of the first element of <see cref="Counts"/>.</summary>
    public int FirstIndex => _firstIndex;

    /// <summary>Counts of a contiguous run of buckets; there are zeros at its ends.</summary>
    public ReadOnlySpan<long> Counts => _counts;

    /// <summary>Records one value. False, and nothing recorded, where it is not a finite number.</summary>
    public bool Record(double value)
    {
        if (!double.IsFinite(value))
        {
            return false;
        }

        var recorded = value;
        if (value <= 0)
        {
            recorded = 0;
            ZeroCount++;
        }
        else
        {
            if (value is < HistogramScale.MinValue or > HistogramScale.MaxValue)
            {
                recorded = Math.Clamp(value, HistogramScale.MinValue, HistogramScale.MaxValue);
                Clamped++;
            }

            SlotOf(HistogramScale.IndexOf(recorded))++;
        }

        Count++;
        SumMicros += ToMicros(recorded);
        Min = Math.Min(Min, recorded);
        Max = Math.Max(Max, recorded);
        return true;
    }

    /// <summary>Adds values that are known only by their bucket; sum and range are left alone.</summary>
    public void AddToBucket(int index, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count == 0)
        {
            return;
        }

        SlotOf(Math.Clamp(index, HistogramScale.MinIndex, HistogramScale.MaxIndex)) += count;
        Count += count;
    }

    /// <summary>Adds values that are known to be zero or below; sum and range are left alone.</summary>
    public void AddToZero(long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ZeroCount += count;
        Count += count;
    }

    /// <summary>Adds to the exact sum, in micro-units.</summary>
    public void AddSum(long micros) => SumMicros += micros;

    /// <summary>Sets the parts that <see cref="AddToBucket"/> leaves alone, when a stored histogram is read.</summary>
    public void Restore(long sumMicros, double? min, double? max, long clamped)
    {
        SumMicros = sumMicros;
        Min = min ?? double.PositiveInfinity;
        Max = max ?? double.NegativeInfinity;
        Clamped = clamped;
    }

    /// <summary>Adds everything that another histogram holds.</summary>
    public void Merge(ExponentialHistogram other)
    {
        var first = 0;
        var last = other._counts.Length - 1;
        while (first <= last && other._counts[first] == 0)
        {
            first++;
        }

        while (last >= first && other._counts[last] == 0)
        {
            last--;
        }

        if (first <= last)
        {
            EnsureRange(other._firstIndex + first, other._firstIndex + last);
            var target = _counts.AsSpan(other._firstIndex + first - _firstIndex, last - first + 1);
            var source = other._counts.AsSpan(first, last - first + 1);
            for (var i = 0; i < source.Length; i++)
            {
                target[i] += source[i];
            }
        }

        Count += other.Count;
        ZeroCount += other.ZeroCount;
        SumMicros += other.SumMicros;
        Clamped += other.Clamped;
        Min = Math.Min(Min, other.Min);
        Max = Math.Max(Max, other.Max);
    }

    /// <summary>Forgets the range: once bucketed values are in, the smallest and largest are not known.</summary>
    public void ForgetRange()
    {
        Min = double.PositiveInfinity;
        Max = double.NegativeInfinity;
    }

    /// <summary>
    /// The bucket that holds the value of a rank (1 is the smallest). False where it is the zero bucket or the rank is
    /// beyond <see cref="Count"/>: compare with <see cref="ZeroCount"/> first.
    /// </summary>
    public bool TryFindBucket(long rank, out int index)
    {
        var seen = ZeroCount;
        index = 0;
        if (rank <= seen || rank > Count)
        {
            return false;
        }

        for (var i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= rank)
            {
                index = _firstIndex + i;
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Nearest-rank quantile, rank = ceil(Count * permille / 1000) in integers: the geometric midpoint of the bucket,
    /// clamped to [Min, Max] where they are known. Null while empty.
    /// </summary>
    /// <param name="permille">1 to 1000: 500 is the median, 999 is p99.9.</param>
    public double? Quantile(int permille)
    {
        if (Count == 0)
        {
            return null;
        }

        var value = TryFindBucket(RankOf(Count, permille), out var index) ? HistogramScale.Midpoint(index) : 0;
        return HasRange ? Math.Clamp(value, Min, Max) : value;
    }

    /// <summary>Rank of a quantile, ceil(count * permille / 1000), at least 1.</summary>
    public static long RankOf(long count, int permille)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(permille, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(permille, 1000);
        return Math.Max(1, (long)(((Int128)count * permille + 999) / 1000));
    }

    /// <summary>Micro-units of a value, rounded half to even; saturates at the limits of a 64-bit integer.</summary>
    public static long ToMicros(double value) => (long)Math.Clamp(Math.Round(value * 1e6), long.MinValue, long.MaxValue);

    /// <summary>A copy that shares nothing.</summary>
    public ExponentialHistogram Clone()
    {
        var copy = (ExponentialHistogram)MemberwiseClone();
        copy._counts = (long[])_counts.Clone();
        return copy;
    }

    /// <summary>Empties the histogram and keeps its buckets for reuse.</summary>
    public void Clear()
    {
        Array.Clear(_counts);
        Count = ZeroCount = SumMicros = Clamped = 0;
        ForgetRange();
    }

    private ref long SlotOf(int index)
    {
        var slot = index - _firstIndex;
        if ((uint)slot >= (uint)_counts.Length)
        {
            EnsureRange(index, index);
            slot = index - _firstIndex;
        }

        return ref _counts[slot];
    }

    private void EnsureRange(int low, int high)
    {
        if (_counts.Length > 0)
        {
            if (low >= _firstIndex && high < _firstIndex + _counts.Length)
            {
                return;
            }

            low = Math.Min(low, _firstIndex);
            high = Math.Max(high, _firstIndex + _counts.Length - 1);
        }

        // Whole steps, so that a slowly widening range does not reallocate with every value.
        var first = low & ~(GrowthStep - 1);
        var length = ((high - first) / GrowthStep + 1) * GrowthStep;
        var grown = new long[length];
        _counts.CopyTo(grown, _counts.Length > 0 ? _firstIndex - first : 0);
        _counts = grown;
        _firstIndex = first;
    }
}
