using CsCheck;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Protocol.Tests.Mapping;

public class TotalsMapperTests
{
    private static readonly double[] Bounds = [0.05, 0.5, 5, 50];

    private static readonly Gen<SeriesTotals> Part = Gen.Select(
        Gen.OneOf(Gen.Double[1e-7, 2e7], Gen.Double[0.01, 10], Gen.Bool.Select(isZero => isZero ? 0d : -1d)).Array[0, 20],
        Gen.Long[0, 9].Array[5],
        Gen.Bool,
        Gen.Long[0, 1000],
        (values, classic, isBucketed, count) =>
        {
            var totals = new SeriesTotals { Requests = count, Errors = count / 2, LengthLimited = 1, InputTokens = count * 3, OutputTokens = count * 5, WideRequests = count / 3 };
            foreach (var value in values)
            {
                totals.ResponseTime.Record(value);
                totals.Ttft.Record(value / 2);
            }

            if (isBucketed)
            {
                totals.ResponseTime.AddClassic(Bounds, classic, classic.Sum() * 1_000_003);
            }

            return totals;
        });

    [Fact]
    public void Totals_come_back_as_they_went() => Part.Sample(totals =>
    {
        var wire = TotalsMapper.ToWire(totals);
        var bytes = wire.ToByteArray();
        var back = TotalsMapper.FromWire(WindowTotals.Parser.ParseFrom(bytes));
        Assert.Equal(bytes, TotalsMapper.ToWire(back).ToByteArray());
        Assert.Equal(totals.ResponseTime.Quantile(950), back.ResponseTime.Quantile(950));
        Assert.Equal(TotalsMapper.ContentHash(wire), TotalsMapper.ContentHash(WindowTotals.Parser.ParseFrom(bytes)));
    });

    [Fact]
    public void The_same_parts_in_any_order_give_the_same_bytes() =>
        Gen.Select(Part.Array[1, 6], Gen.Int[0, 1000]).Sample((parts, seed) =>
        {
            var shuffled = parts.ToArray();
            new Random(seed).Shuffle(shuffled);
            Assert.Equal(Merged(parts), Merged(shuffled));
        });

    [Fact]
    public void Parts_that_went_over_the_wire_merge_to_the_same_bytes() => Part.Array[1, 5].Sample(parts =>
        Assert.Equal(Merged(parts), Merged([.. parts.Select(part => TotalsMapper.FromWire(TotalsMapper.ToWire(part)))])));

    [Fact]
    public void Other_content_has_another_hash() => Assert.NotEqual(
        TotalsMapper.ContentHash(new WindowTotals { Requests = 1 }), TotalsMapper.ContentHash(new WindowTotals { Requests = 2 }));

    [Fact]
    public void A_series_name_comes_back_as_it_went()
    {
        var series = new SeriesId("m", "t", "v");
        Assert.Equal(series, TotalsMapper.FromWire(TotalsMapper.ToWire(series)));
    }

    public static TheoryData<string, WindowTotals> Contradictions => new()
    {
        { "requests out of range", new WindowTotals { Requests = ulong.MaxValue } },
        { "counts of a distribution", new WindowTotals { ResponseTime = new Distribution { ExactCount = 2, Estimate = Histogram([1], [1]) } } },
        { "unequal numbers", new WindowTotals { ResponseTime = new Distribution { ExactCount = 1, Estimate = Histogram([1, 2], [1]) } } },
        { "out of order", new WindowTotals { ResponseTime = new Distribution { ExactCount = 2, Estimate = Histogram([1, 0], [1, 1]) } } },
        { "out of range", new WindowTotals { ResponseTime = new Distribution { ExactCount = 1, Estimate = Histogram([1_000_000], [1]) } } },
        { "without an upper one", new WindowTotals { ResponseTime = new Distribution { BucketedCount = 1, Estimate = Histogram([1], [1]), Lower = Histogram([1], [1]) } } },
        { "bounds of a distribution", new WindowTotals { ResponseTime = new Distribution { BucketedCount = 1, Estimate = Histogram([1], [1]) } } },
    };

    [Theory]
    [MemberData(nameof(Contradictions))]
    public void Totals_that_contradict_themselves_are_an_error(string what, WindowTotals wire) =>
        Assert.Contains(what, Assert.Throws<InvalidDataException>(() => TotalsMapper.FromWire(wire)).Message, StringComparison.Ordinal);

    private static Histogram Histogram(int[] gaps, ulong[] counts) => new() { Gaps = { gaps }, Counts = { counts } };

    private static byte[] Merged(SeriesTotals[] parts)
    {
        var merged = new SeriesTotals();
        foreach (var part in parts)
        {
            merged.Merge(part);
        }

        return TotalsMapper.ToWire(merged).ToByteArray();
    }
}
