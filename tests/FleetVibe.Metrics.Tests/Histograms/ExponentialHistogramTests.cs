using FleetVibe.Metrics.Histograms;

namespace FleetVibe.Metrics.Tests.Histograms;

public class ExponentialHistogramTests
{
    private const double Tolerance = 0.0055;

    private static readonly int[] Quantiles = [1, 500, 900, 950, 990, 999, 1000];

    public static TheoryData<string, int, int> Matrix()
    {
        var rows = new TheoryData<string, int, int>();
        foreach (var generator in new[] { "constant", "linear", "lognormal", "pareto", "bimodal" })
        {
            foreach (var size in new[] { 1, 2, 3, 10, 100, 1_000, 20_000 })
            {
                foreach (var parts in new[] { 1, 7 })
                {
                    rows.Add(generator, size, parts);
                }
            }
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Matrix))]
    public void A_quantile_is_within_0_55_percent_of_the_exact_nearest_rank(string generator, int size, int parts)
    {
        var values = Values(generator, size);
        var histograms = Enumerable.Range(0, parts).Select(_ => new ExponentialHistogram()).ToArray();
        for (var i = 0; i < size; i++)
        {
            Assert.True(histograms[i % parts].Record(values[i]));
        }

        var merged = new ExponentialHistogram();
        foreach (var part in histograms)
        {
            merged.Merge(part);
        }

        Array.Sort(values);
        foreach (var permille in Quantiles)
        {
            var exact = values[(int)((size * (long)permille + 999) / 1000) - 1];
            Assert.InRange(merged.Quantile(permille)!.Value, exact * (1 - Tolerance), exact * (1 + Tolerance));
        }

        Assert.Equal(size, merged.Count);
        Assert.Equal(values[0], merged.Min);
        Assert.Equal(values[^1], merged.Max);
        Assert.InRange(merged.SumMicros - values.Sum() * 1e6, -0.5 * size - 1, 0.5 * size + 1);
        Assert.Equal(0, merged.Clamped);
    }

    [Theory]
    [InlineData(1, 500, 1)]
    [InlineData(2, 500, 1)]
    [InlineData(3, 500, 2)]
    [InlineData(10, 950, 10)]
    [InlineData(20, 950, 19)]
    [InlineData(1000, 999, 999)]
    [InlineData(1001, 999, 1000)]
    [InlineData(1, 1, 1)]
    [InlineData(long.MaxValue, 1000, long.MaxValue)]
    public void A_rank_is_the_ceiling_in_integers(long count, int permille, long rank) =>
        Assert.Equal(rank, ExponentialHistogram.RankOf(count, permille));

    [Theory]
    [InlineData(0)]
    [InlineData(1001)]
    public void A_quantile_beyond_its_range_is_an_error(int permille) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ExponentialHistogram.RankOf(1, permille));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void What_is_no_finite_number_is_not_recorded(double value)
    {
        var histogram = new ExponentialHistogram();

        Assert.False(histogram.Record(value));
        Assert.Equal(0, histogram.Count);
        Assert.Null(histogram.Quantile(500));
        Assert.False(histogram.HasRange);
    }

    [Fact]
    public void Values_beyond_the_range_move_to_its_edge_and_are_counted()
    {
        var histogram = new ExponentialHistogram();
        foreach (var value in new[] { 1e-9, 1e-6, 1e7, 1e9, double.MaxValue, double.Epsilon })
        {
            Assert.True(histogram.Record(value));
        }

        Assert.Equal(4, histogram.Clamped);
        Assert.Equal((6, 1e-6, 1e7), (histogram.Count, histogram.Min, histogram.Max));
        Assert.InRange(histogram.Quantile(1000)!.Value, 1e7 * (1 - Tolerance), 1e7);
        Assert.InRange(histogram.Quantile(1)!.Value, 1e-6, 1e-6 * (1 + Tolerance));
    }

    [Fact]
    public void Zero_and_below_go_to_the_zero_bucket()
    {
        var histogram = new ExponentialHistogram();
        foreach (var value in new[] { 0, -0.0, -5, 2.0 })
        {
            Assert.True(histogram.Record(value));
        }

        Assert.Equal((4, 3, 2_000_000), (histogram.Count, histogram.ZeroCount, histogram.SumMicros));
        Assert.Equal(0, histogram.Quantile(750));
        Assert.InRange(histogram.Quantile(751)!.Value, 2 * (1 - Tolerance), 2);
        Assert.Equal(0, histogram.Clamped);
    }

    [Fact]
    public void A_copy_shares_nothing_and_a_cleared_histogram_is_empty()
    {
        var histogram = new ExponentialHistogram();
        histogram.Record(1);
        var copy = histogram.Clone();
        histogram.Record(100);
        copy.Record(0.01);

        Assert.Equal((2, 1d, 100d), (histogram.Count, histogram.Min, histogram.Max));
        Assert.Equal((2, 0.01, 1d), (copy.Count, copy.Min, copy.Max));
        histogram.Clear();
        Assert.Equal((0, 0, 0), (histogram.Count, histogram.SumMicros, histogram.Counts.ToArray().Sum()));
        Assert.False(histogram.HasRange);
        histogram.Record(5);
        Assert.Equal(5, histogram.Quantile(500));
    }

    [Fact]
    public void A_range_that_grows_at_both_ends_loses_nothing()
    {
        var histogram = new ExponentialHistogram();
        var random = new Random(3);
        for (var i = 0; i < 2_000; i++)
        {
            histogram.Record(Math.Pow(10, random.NextDouble() * 13 - 6));
        }

        Assert.Equal(2_000, histogram.Counts.ToArray().Sum());
        Assert.Equal(0, histogram.Counts.Length % 64);
        Assert.True(histogram.TryFindBucket(1, out var first));
        Assert.Equal(HistogramScale.IndexOf(histogram.Min), first);
        Assert.True(histogram.TryFindBucket(2_000, out var last));
        Assert.Equal(HistogramScale.IndexOf(histogram.Max), last);
        Assert.False(histogram.TryFindBucket(2_001, out _));
    }

    private static double[] Values(string generator, int size)
    {
        var random = new Random(size);
        return [.. Enumerable.Range(0, size).Select(i => generator switch
        {
            "constant" => 0.7,
            "linear" => 0.001 * (i + 1),
            "lognormal" => Math.Exp(random.NextGaussian() * 1.5),
            "pareto" => Math.Min(0.05 / Math.Pow(1 - random.NextDouble(), 1 / 1.1), 1e6),
            _ => i % 2 == 0 ? 0.02 + random.NextDouble() * 0.001 : 300 + random.NextDouble(),
        })];
    }
}

internal static class RandomExtensions
{
    /// <summary>Standard normal, by Box and Muller.</summary>
    internal static double NextGaussian(this Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
