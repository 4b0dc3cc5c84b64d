using FleetVibe.Aggregator.Sessions;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Tests.Sessions;

public class RecordSplitTests
{
    private static readonly SeriesKey Other = new() { Model = "qwen", Task = "default" };

    [Fact]
    public void A_record_is_split_by_series()
    {
        var record = Wire.NewRecord(1, 1000, 3);
        record.Content.Contributions.Add(new Contribution { Series = Other, Totals = TotalsMapper.ToWire(Wire.Totals(4)) });
        var parts = RecordSplit.Split(record.Content);
        Assert.Equal([Wire.Series, Other], parts.Select(part => part.Key.Series));
        Assert.All(parts, part => Assert.Null(part.Defect));
        Assert.Equal([3u, 4u], parts.Select(part => part.Requests));
        Assert.All(parts, part => Assert.Equal(1000, part.Key.Start));
        Assert.All(parts, part => Assert.Equal(TotalsMapper.ContentHash(part.Totals), part.Hash));
    }

    [Theory]
    [InlineData(WindowLevel._1M, 1010)]
    [InlineData(WindowLevel._1H, 3660)]
    [InlineData((WindowLevel)9, 1000)]
    [InlineData(WindowLevel._10S, 1001)]
    [InlineData(WindowLevel._10S, -10)]
    [InlineData(WindowLevel._10S, long.MaxValue)]
    public void An_unknown_window_makes_every_part_undecodable(WindowLevel level, long start)
    {
        var record = Wire.NewRecord(1, start, 3);
        record.Content.Level = level;
        record.Content.Contributions.Add(new Contribution { Series = Other });
        Assert.All(RecordSplit.Split(record.Content), part => Assert.NotNull(part.Defect));
    }

    [Theory]
    [InlineData(WindowLevel._1M, 1020)]
    [InlineData(WindowLevel._5M, 1200)]
    [InlineData(WindowLevel._1H, 3600)]
    public void A_coalesced_record_contributes_to_the_window_of_its_level(WindowLevel level, long start)
    {
        var record = Wire.NewRecord(1, start, 3);
        record.Content.Level = level;
        var part = Assert.Single(RecordSplit.Split(record.Content));
        Assert.Null(part.Defect);
        Assert.Equal((level, start), (part.Key.Level, part.Key.Start));
    }

    [Fact]
    public void A_part_that_contradicts_itself_spoils_no_other()
    {
        var record = Wire.NewRecord(1, 1000, 3);
        record.Content.Contributions.Add(new Contribution
        {
            Series = Other,
            Totals = new WindowTotals { Requests = 2, ResponseTime = new Distribution { ExactCount = 2 } },
        });
        var parts = RecordSplit.Split(record.Content);
        Assert.Null(parts[0].Defect);
        Assert.NotNull(parts[1].Defect);
        Assert.Equal(2u, parts[1].Requests);
    }

    [Fact]
    public void Two_contributions_for_one_series_are_one_undecodable_part()
    {
        var record = Wire.NewRecord(1, 1000, 3);
        record.Content.Contributions.Add(new Contribution { Series = Wire.Series, Totals = TotalsMapper.ToWire(Wire.Totals(4)) });
        var part = Assert.Single(RecordSplit.Split(record.Content));
        Assert.NotNull(part.Defect);
        Assert.Equal(7u, part.Requests);
    }

    [Theory]
    [InlineData("", "task")]
    [InlineData("model", "")]
    public void A_series_needs_model_and_task(string model, string task) => Refused(model, task);

    [Fact]
    public void A_name_that_the_gateway_cannot_take_is_undecodable() => Refused(new string('m', 513), "task");

    private static void Refused(string model, string task)
    {
        var record = Wire.NewRecord(1, 1000, 3, new SeriesKey { Model = model, Task = task });
        Assert.NotNull(Assert.Single(RecordSplit.Split(record.Content)).Defect);
    }

    [Fact]
    public void A_part_that_no_message_between_members_can_hold_is_undecodable()
    {
        var record = Wire.NewRecord(1, 1000, 3);
        record.Content.Contributions[0].Totals.ResponseTime.Overflow.AddRange(
            Enumerable.Range(1, 30_000).Select(i => new Overflow { Bound = i, Count = 0 }));
        Assert.Contains("size", Assert.Single(RecordSplit.Split(record.Content)).Defect, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_without_content_has_no_parts() => Assert.Empty(RecordSplit.Split(null));
}
