using FleetVibe.Metrics.Histograms;
using Wire = FleetVibe.Protocol.V1;

namespace FleetVibe.Protocol.Mapping;

/// <summary>Histograms and distributions to and from their wire form. Equal content gives equal bytes.</summary>
public static class HistogramMapper
{
    public static Wire.Distribution ToWire(Distribution distribution)
    {
        var wire = new Wire.Distribution
        {
            ExactCount = (ulong)distribution.ExactCount,
            BucketedCount = (ulong)distribution.BucketedCount,
        };
        if (distribution.Count > 0)
        {
            wire.Estimate = BucketsToWire(distribution.Estimate);
            wire.Estimate.SumMicros = distribution.Estimate.SumMicros;
            wire.Estimate.Clamped = (ulong)distribution.Estimate.Clamped;
            if (distribution.Estimate.HasRange)
            {
                wire.Estimate.Min = distribution.Estimate.Min;
                wire.Estimate.Max = distribution.Estimate.Max;
            }
        }

        // Only the buckets of the bounds count: their sum and range would depend on the order of arrival.
        if (distribution.Lower is not null)
        {
            wire.Lower = BucketsToWire(distribution.Lower);
            wire.Upper = BucketsToWire(distribution.Upper!);
        }

        foreach (var (bound, count) in distribution.OverflowByBound)
        {
            wire.Overflow.Add(new Wire.Overflow { Bound = bound, Count = (ulong)count });
        }

        return wire;
    }

    /// <exception cref="InvalidDataException">The message contradicts itself.</exception>
    public static Distribution FromWire(Wire.Distribution? wire)
    {
        if (wire is null)
        {
            return new Distribution();
        }

        var estimate = FromWire(wire.Estimate);
        var lower = wire.Lower is null ? null : FromWire(wire.Lower);
        var upper = wire.Upper is null ? null : FromWire(wire.Upper);
        Require(lower is null == upper is null, "a lower distribution without an upper one, or the reverse");
        Require((ulong)estimate.Count == wire.ExactCount + wire.BucketedCount, "the counts of a distribution do not add up");
        long overflow = 0;
        foreach (var entry in wire.Overflow)
        {
            Require(double.IsFinite(entry.Bound) && entry.Count <= (ulong)estimate.Count, "an impossible overflow");
            overflow += (long)entry.Count;
        }

        Require(lower is null ? overflow == 0 && wire.BucketedCount == 0 : lower.Count == estimate.Count && upper!.Count + overflow == estimate.Count,
            "the bounds of a distribution do not hold as many values as its estimate");
        return Distribution.Restore(
            estimate, lower, upper, wire.Overflow.Select(o => KeyValuePair.Create(o.Bound, (long)o.Count)), (long)wire.ExactCount, (long)wire.BucketedCount);
    }

    private static Wire.Histogram BucketsToWire(ExponentialHistogram histogram)
    {
        var wire = new Wire.Histogram { ZeroCount = (ulong)histogram.ZeroCount };
        var previous = 0;
        var counts = histogram.Counts;
        for (var i = 0; i < counts.Length; i++)
        {
            if (counts[i] > 0)
            {
                wire.Gaps.Add(histogram.FirstIndex + i - previous);
                wire.Counts.Add((ulong)counts[i]);
                previous = histogram.FirstIndex + i;
            }
        }

        return wire;
    }

    private static ExponentialHistogram FromWire(Wire.Histogram? wire)
    {
        var histogram = new ExponentialHistogram();
        if (wire is null)
        {
            return histogram;
        }

        Require(wire.Gaps.Count == wire.Counts.Count, "a histogram with unequal numbers of buckets and counts");
        Require(wire.ZeroCount <= long.MaxValue / 4, "a histogram count out of range");
        histogram.AddToZero((long)wire.ZeroCount);
        long index = 0;
        for (var i = 0; i < wire.Gaps.Count; i++)
        {
            Require(i == 0 || wire.Gaps[i] > 0, "histogram buckets out of order");
            index += wire.Gaps[i];
            Require(index >= HistogramScale.MinIndex && index <= HistogramScale.MaxIndex, "a histogram bucket out of range");
            Require(wire.Counts[i] is > 0 and <= long.MaxValue / 4, "a histogram count out of range");
            histogram.AddToBucket((int)index, (long)wire.Counts[i]);
        }

        Require(wire.Clamped <= (ulong)histogram.Count, "more clamped values than values");
        histogram.Restore(wire.SumMicros, wire.HasMin ? wire.Min : null, wire.HasMax ? wire.Max : null, (long)wire.Clamped);
        return histogram;
    }

    private static void Require(bool condition, string what)
    {
        if (!condition)
        {
            throw new InvalidDataException(what);
        }
    }
}
