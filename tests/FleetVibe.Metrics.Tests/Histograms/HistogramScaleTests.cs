using System.Numerics;
using FleetVibe.Metrics.Histograms;

namespace FleetVibe.Metrics.Tests.Histograms;

public class HistogramScaleTests
{
    [Fact]
    public void Every_bucket_ends_at_the_exact_power_of_two()
    {
        for (var index = HistogramScale.MinIndex; index <= HistogramScale.MaxIndex; index++)
        {
            var edge = HistogramScale.UpperEdge(index);

            Assert.True(IsAtMostPower(edge, index + 1), $"upper edge of {index}");
            Assert.False(IsAtMostPower(Math.BitIncrement(edge), index + 1), $"upper edge of {index} is not the largest");
            Assert.Equal(index, HistogramScale.IndexOf(edge));
            Assert.Equal(index, HistogramScale.IndexOf(Math.BitDecrement(edge)));
            Assert.Equal(index + 1, HistogramScale.IndexOf(Math.BitIncrement(edge)));
            Assert.Equal(edge, HistogramScale.LowerEdge(index + 1));
        }
    }

    [Fact]
    public void Any_value_is_in_the_bucket_of_its_definition()
    {
        var random = new Random(6);
        for (var i = 0; i < 5_000; i++)
        {
            var value = Math.Pow(10, random.NextDouble() * 13 - 6);
            var index = HistogramScale.IndexOf(value);

            Assert.True(IsAtMostPower(value, index + 1), $"{value:R} is above bucket {index}");
            Assert.False(IsAtMostPower(value, index), $"{value:R} is below bucket {index}");
        }
    }

    [Fact]
    public void The_midpoint_is_within_0_55_percent_of_any_value_of_its_bucket()
    {
        for (var index = HistogramScale.MinIndex; index <= HistogramScale.MaxIndex; index++)
        {
            var middle = HistogramScale.Midpoint(index);

            Assert.InRange(middle / HistogramScale.UpperEdge(index), 1 - 0.0055, 1);
            Assert.InRange(middle / Math.BitIncrement(HistogramScale.LowerEdge(index)), 1, 1 + 0.0055);
        }
    }

    [Fact]
    public void Powers_of_two_close_their_octave()
    {
        Assert.Equal(-1, HistogramScale.IndexOf(1));
        Assert.Equal(0, HistogramScale.IndexOf(Math.BitIncrement(1)));
        Assert.Equal(63, HistogramScale.IndexOf(2));
        Assert.Equal(-65, HistogramScale.IndexOf(0.5));
    }

    // value <= 2^(power/64), in integers: with value = m * 2^e it is m^64 <= 2^(power - 64 e).
    private static bool IsAtMostPower(double value, int power)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var mantissa = (bits & ((1L << 52) - 1)) | (1L << 52);
        var exponent = (int)(bits >> 52) - 1023 - 52;
        return BigInteger.Pow(mantissa, 64) <= BigInteger.One << (power - 64 * exponent);
    }
}
