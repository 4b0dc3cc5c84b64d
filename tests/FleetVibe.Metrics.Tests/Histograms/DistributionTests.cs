using CsCheck;
using FleetVibe.Metrics.Histograms;

namespace FleetVibe.Metrics.Tests.Histograms;

public class DistributionTests
{
    private static readonly double[] VllmLatency =
        [.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];

    private static readonly double[] VllmTtft =
        [.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560];

    private static readonly double[] VllmOldLatency = [1, 2.5, 5, 10, 15, 20, 30, 40, 50, 60];

    private static readonly double[] Tokens = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000];

    private static readonly double[] WithZero = [0, 0.1, 0.2, 0.5];

    private static readonly double[][] AllBounds = [VllmLatency, VllmTtft, VllmOldLatency, Tokens, WithZero, [], [0.3], [1e-9, 1e-7, 2, 1e6, 1e8, 1e9]];

    private static readonly int[] Quantiles = [1, 100, 500, 900, 950, 990, 999, 1000];

    private static readonly Gen<double> Value = Gen.Double[-6.0, 6.9].Select(exponent => Math.Pow(10, exponent));

    private static readonly Gen<(int Bounds, double[] Values)> Batch = Gen.Select(Gen.Int[-1, AllBounds.Length - 1], Value.Array[0, 40]);

    [Fact]
    public void The_truth_is_always_within_the_bounds() => Batch.Array[1, 5].Sample(
        batches =>
        {
            var distribution = new Distribution();
            foreach (var batch in batches)
            {
                Add(distribution, batch);
            }

            var truth = batches.SelectMany(b => b.Values).Order().ToArray();
            Assert.Equal(truth.Length, distribution.Count);
            foreach (var permille in Quantiles)
            {
                if (distribution.Quantile(permille) is not { } quantile)
                {
                    Assert.Empty(truth);
                    continue;
                }

                var exact = truth[ExponentialHistogram.RankOf(truth.Length, permille) - 1];
                Assert.True(quantile.Low is null || quantile.Low <= exact, $"{quantile} but {exact:R} at {permille}");
                Assert.True(quantile.High is null || quantile.High >= exact, $"{quantile} but {exact:R} at {permille}");
                Assert.True(quantile.Low is null || quantile.Low <= quantile.Estimate, $"{quantile}");
                Assert.True(quantile.High is null || quantile.High >= quantile.Estimate, $"{quantile}");
                if (quantile.Low is null)
                {
                    Assert.InRange(quantile.Estimate, exact * (1 - 0.0055), exact * (1 + 0.0055));
                }
            }
        },
        iter: 3_000);

    [Fact]
    public void Totals_stay_exact_in_estimate_lower_and_upper() => Batch.Array[1, 5].Sample(
        batches =>
        {
            var distribution = new Distribution();
            foreach (var batch in batches)
            {
                Add(distribution, batch);
            }

            var exact = batches.Where(b => b.Bounds < 0).Sum(b => b.Values.Length);
            var overflow = batches.Where(b => b.Bounds >= 0).Sum(b => b.Values.Count(v => v > TopOf(AllBounds[b.Bounds])));
            Assert.Equal(batches.Sum(b => b.Values.Length), distribution.Count);
            Assert.Equal(exact, distribution.ExactCount);
            Assert.Equal(distribution.Count - exact, distribution.BucketedCount);
            Assert.Equal(overflow, distribution.Overflow);
            Assert.Equal(overflow, distribution.OverflowByBound.Values.Sum());
            Assert.Equal(batches.Sum(b => b.Values.Sum(ExponentialHistogram.ToMicros)), distribution.Estimate.SumMicros);
            Assert.Equal(distribution.Count, Mass(distribution.Estimate));
            Assert.Equal(distribution.BucketedCount > 0, distribution.Lower is not null);
            if (distribution.Lower is not null)
            {
                Assert.Equal(distribution.Count, Mass(distribution.Lower));
                Assert.Equal(distribution.Count - overflow, Mass(distribution.Upper!));
                Assert.False(distribution.Estimate.HasRange);
            }
        },
        iter: 1_000);

    [Fact]
    public void No_count_is_lost_in_spreading_however_large() => Gen.Select(Gen.Int[0, AllBounds.Length - 1], Gen.Long[0, 1_000_000_000].Array[30]).Sample(
        (which, counts) =>
        {
            var bounds = AllBounds[which];
            var distribution = new Distribution();
            distribution.AddClassic(bounds, counts.AsSpan(0, bounds.Length + 1), 0);

            Assert.Equal(counts.Take(bounds.Length + 1).Sum(), Mass(distribution.Estimate));
            Assert.All(distribution.Estimate.Counts.ToArray(), count => Assert.True(count >= 0));
        },
        iter: 300);

    [Fact]
    public void Merging_does_not_depend_on_order_or_grouping() => Gen.Select(Batch, Batch, Batch, Batch).Sample(
        (a, b, c, d) =>
        {
            var all = new Distribution();
            foreach (var batch in new[] { a, b, c, d })
            {
                Add(all, batch);
            }

            var oneByOne = Merged(Merged(Merged(Of(a), Of(b)), Of(c)), Of(d));
            var inPairs = Merged(Merged(Of(d), Of(b)), Merged(Of(c), Of(a)));
            var nested = Merged(Of(c), Merged(Of(a), Merged(Of(d), Of(b))));

            Assert.Equal(Dump(all), Dump(oneByOne));
            Assert.Equal(Dump(all), Dump(inPairs));
            Assert.Equal(Dump(all), Dump(nested));
        },
        iter: 1_000);

    [Fact]
    public void A_rank_above_the_highest_finite_bound_says_so()
    {
        var distribution = new Distribution();
        distribution.AddClassic([1, 60], [5, 85, 10], 0);

        Assert.Equal(10, distribution.Overflow);
        Assert.Equal(new QuantileBounds(60, 60, null), distribution.Quantile(950));
        var p90 = distribution.Quantile(900)!.Value;
        Assert.InRange(p90.High!.Value, 60, 60 * 1.011);
        Assert.InRange(p90.Low!.Value, 1 / 1.011, 1);
    }

    [Fact]
    public void Percentiles_do_not_fall_where_sources_have_different_bounds()
    {
        var distribution = new Distribution();
        distribution.AddClassic([60], [0, 10], 0);
        distribution.AddClassic([1920, 7680], [0, 90, 0], 0);

        // Ten values are only known to be above 60, so the top ten ranks have no upper bound; they are at least 1920.
        var p95 = distribution.Quantile(950)!.Value;
        Assert.Null(p95.High);
        Assert.InRange(p95.Low!.Value, 1920 / 1.011, 1920);
        Assert.True(distribution.Quantile(900)!.Value.Estimate <= p95.Estimate);
        Assert.True(p95.Estimate <= distribution.Quantile(990)!.Value.Estimate);
    }

    [Fact]
    public void Bounds_beyond_the_range_of_the_histogram_are_no_certainty()
    {
        var distribution = new Distribution();
        distribution.AddClassic([1e-8, 1e-7, 1, 1e9], [0, 1, 0, 1, 0], 0);

        var smallest = distribution.Quantile(1)!.Value;
        Assert.Equal(0, smallest.Low);
        Assert.InRange(smallest.High!.Value, 1e-7, 1.02e-6);
        Assert.Equal(new QuantileBounds(1, 1, null), distribution.Quantile(1000));
        Assert.Equal(1, distribution.Overflow);
    }

    [Fact]
    public void One_value_of_a_bucket_lands_in_its_middle()
    {
        var distribution = new Distribution();
        distribution.AddClassic([1, 4], [0, 1, 0], 2_000_000);

        Assert.InRange(distribution.Quantile(500)!.Value.Estimate, 2 * 0.989, 2 * 1.011);
        Assert.Equal(2, distribution.Mean);
    }

    [Fact]
    public void Without_bucketed_values_there_are_no_bounds_and_with_them_no_range()
    {
        var distribution = new Distribution();
        Assert.Null(distribution.Quantile(500));
        Assert.Null(distribution.Mean);
        Assert.Equal(Precision.None, distribution.Precision);

        Assert.True(distribution.Record(0.25));
        Assert.Equal(new QuantileBounds(0.25, null, null), distribution.Quantile(500));
        Assert.Equal(Precision.Exact, distribution.Precision);
        Assert.True(distribution.Estimate.HasRange);

        distribution.AddClassic([1, 2], [0, 1, 0], 1_500_000);
        Assert.Equal(Precision.Mixed, distribution.Precision);
        Assert.False(distribution.Estimate.HasRange);
        Assert.Equal(0.875, distribution.Mean);
        Assert.True(distribution.Record(8));
        Assert.False(distribution.Record(double.NaN));
        Assert.False(distribution.Estimate.HasRange);
        Assert.Equal((3, 2, 1), (distribution.Count, distribution.ExactCount, distribution.BucketedCount));
    }

    [Fact]
    public void A_sum_without_a_count_is_kept_for_the_mean()
    {
        var distribution = new Distribution();
        distribution.AddClassic([1], [0, 0], 500_000);
        distribution.AddClassic([1], [2, 0], 500_000);

        Assert.Equal(0.5, distribution.Mean);
    }

    [Theory]
    [InlineData(new double[] { 1, 2 }, new long[] { 1, 1 })]
    [InlineData(new double[] { 1, 2 }, new long[] { 1, -1, 0 })]
    [InlineData(new double[] { 2, 1 }, new long[] { 1, 1, 0 })]
    [InlineData(new double[] { 1, 1 }, new long[] { 1, 1, 0 })]
    [InlineData(new double[] { 1, double.PositiveInfinity }, new long[] { 1, 1, 0 })]
    [InlineData(new double[] { double.NaN }, new long[] { 1, 1 })]
    public void Bounds_and_counts_that_cannot_be_are_an_error(double[] bounds, long[] deltas) =>
        Assert.ThrowsAny<ArgumentException>(() => new Distribution().AddClassic(bounds, deltas, 0));

    [Fact]
    public void A_copy_and_a_restored_distribution_are_equal_and_share_nothing()
    {
        var distribution = new Distribution();
        distribution.AddClassic(VllmOldLatency, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 5);
        distribution.Record(3);
        var before = Dump(distribution);
        var copy = distribution.Clone();
        var restored = Distribution.Restore(
            distribution.Estimate.Clone(), distribution.Lower!.Clone(), distribution.Upper!.Clone(), distribution.OverflowByBound, 1, 66);
        distribution.AddClassic([60], [0, 4], 5);

        Assert.Equal(before, Dump(copy));
        Assert.Equal(before, Dump(restored));
        Assert.NotEqual(before, Dump(distribution));
        Assert.Throws<ArgumentException>(() => Distribution.Restore(new(), new(), null, [], 0, 0));
    }

    private static Distribution Of((int Bounds, double[] Values) batch)
    {
        var distribution = new Distribution();
        Add(distribution, batch);
        return distribution;
    }

    private static Distribution Merged(Distribution into, Distribution from)
    {
        into.Merge(from);
        return into;
    }

    // Exact where the batch names no bounds, else as a classic histogram would have counted it.
    private static void Add(Distribution distribution, (int Bounds, double[] Values) batch)
    {
        if (batch.Bounds < 0)
        {
            foreach (var value in batch.Values)
            {
                Assert.True(distribution.Record(value));
            }

            return;
        }

        var bounds = AllBounds[batch.Bounds];
        var deltas = new long[bounds.Length + 1];
        foreach (var value in batch.Values)
        {
            var bucket = Array.FindIndex(bounds, bound => value <= bound);
            deltas[bucket < 0 ? bounds.Length : bucket]++;
        }

        distribution.AddClassic(bounds, deltas, batch.Values.Sum(ExponentialHistogram.ToMicros));
    }

    private static double TopOf(double[] bounds) => bounds.Where(b => b <= HistogramScale.MaxValue).DefaultIfEmpty(double.NegativeInfinity).Max();

    private static long Mass(ExponentialHistogram histogram)
    {
        Assert.Equal(histogram.Count, histogram.ZeroCount + histogram.Counts.ToArray().Sum());
        return histogram.Count;
    }

    private static string Dump(Distribution distribution) => string.Join(
        '\n',
        $"{distribution.ExactCount} {distribution.BucketedCount} {distribution.Overflow} {distribution.Precision}",
        string.Join(' ', distribution.OverflowByBound),
        Dump(distribution.Estimate),
        $"{distribution.Estimate.SumMicros} {distribution.Estimate.Min:R} {distribution.Estimate.Max:R} {distribution.Estimate.Clamped}",
        Dump(distribution.Lower),
        Dump(distribution.Upper));

    private static string Dump(ExponentialHistogram? histogram)
    {
        if (histogram is null)
        {
            return "none";
        }

        var counts = histogram.Counts.ToArray();
        var cells = Enumerable.Range(0, counts.Length).Where(i => counts[i] > 0).Select(i => $"{histogram.FirstIndex + i}:{counts[i]}");
        return $"{histogram.ZeroCount} {string.Join(' ', cells)}";
    }
}
