namespace FleetVibe.Metrics.Histograms;

/// <summary>Turns a bucket of a classic (<c>le</c>) histogram into an estimate and its certain bounds.</summary>
internal static class ClassicBuckets
{
    /// <summary>
    /// Spreads <paramref name="count"/> values of (low, high]: log-uniform in the estimate, all at the low end in lower,
    /// all at the high end in upper. A bucket from 0 spreads over the octave below its bound. <paramref name="high"/> is at
    /// most <see cref="HistogramScale.MaxValue"/>: nothing above it has a certain upper end.
    /// </summary>
    internal static void Spread(
        double low, double high, long count, ExponentialHistogram estimate, ExponentialHistogram lower, ExponentialHistogram upper)
    {
        if (high <= 0)
        {
            estimate.AddToZero(count);
            lower.AddToZero(count);
            upper.AddToZero(count);
            return;
        }

        var top = Math.Max(high, HistogramScale.MinValue);
        upper.AddToBucket(HistogramScale.IndexOf(top), count);
        if (low >= HistogramScale.MinValue)
        {
            lower.AddToBucket(HistogramScale.IndexOf(low), count);
        }
        else
        {
            lower.AddToZero(count);
        }

        SpreadLogUniform(Math.Clamp(low > 0 ? low : top / 2, HistogramScale.MinValue, top), top, count, estimate);
    }

    // The k-th of n values stands at the log position (k - 1/2)/n, so totals are exact and a single value lands in the
    // middle: with equal remainders, giving the rest to the first cells would pull every small delta down.
    private static void SpreadLogUniform(double low, double high, long count, ExponentialHistogram estimate)
    {
        var first = HistogramScale.IndexOf(low);
        if (HistogramScale.UpperEdge(first) <= low && low < high)
        {
            first++;
        }

        var last = HistogramScale.IndexOf(high);
        var logLow = Math.Log2(low);
        var width = Math.Log2(high) - logLow;
        long placed = 0;
        for (var index = first; index <= last; index++)
        {
            var share = index == last || width <= 0
                ? 1
                : Math.Clamp((Math.Log2(HistogramScale.UpperEdge(index)) - logLow) / width, 0, 1);
            var upTo = index == last ? count : (long)Math.Floor(count * share + 0.5);
            if (upTo > placed)
            {
                estimate.AddToBucket(index, upTo - placed);
                placed = upTo;
            }
        }
    }
}
