using FleetVibe.Aggregator.Sessions;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Tests.Sessions;

public class OutstandingRecordsTests
{
    private static readonly SeriesKey Other = new() { Model = "qwen", Task = "default" };
    private readonly OutstandingRecords _records = new("gpu-1", Wire.InstanceBytes("gpu-1"));

    [Fact]
    public void A_record_is_done_when_every_part_is_answered()
    {
        var record = Wire.NewRecord(7, 1000, 3);
        record.Content.Contributions.Add(new Contribution { Series = Other, Totals = TotalsMapper.ToWire(Wire.Totals(4)) });
        record.Content.Points.Add(new Point { Measurement = "vibe_model" });
        var parts = _records.Add(record, At(0));
        Assert.Equal(3, parts.Count);
        Assert.Equal(record.Floor, Assert.IsType<PutPointsRequest>(parts[2].Message).Floor);

        Settle(7, Wire.Series);
        Settle(7, Other);
        Assert.False(_records.HasDone);
        _records.GatewayAnswered(7, parts[2].Part, Fate.Committed);
        Assert.True(_records.HasDone);
        Assert.Equal("[ { \"first\": \"7\", \"last\": \"7\" } ]", _records.TakeAck().Ranges.ToString());
    }

    [Fact]
    public void An_answer_counts_once()
    {
        var record = Wire.NewRecord(7, 1000, 3);
        record.Content.Contributions.Add(new Contribution { Series = Other });
        _records.Add(record, At(0));
        Settle(7, Wire.Series);
        Settle(7, Wire.Series);
        Assert.False(_records.HasDone);
    }

    [Fact]
    public void An_answer_for_another_instance_counts_for_nothing()
    {
        _records.Add(Wire.NewRecord(7, 1000, 3), At(0));
        var settled = Settled(7, Wire.Series, Fate.Committed);
        settled.Record.Instance = Wire.InstanceBytes("other");
        _records.Settle(settled);
        Assert.False(_records.HasDone);
    }

    [Fact]
    public void A_part_without_an_answer_is_sent_again_ever_more_rarely()
    {
        _records.Add(Wire.NewRecord(7, 1000, 3), At(0));
        var sent = new List<double>();
        for (var t = 0.0; t <= 60; t += 0.25)
        {
            if (_records.TakeDue(At(t)).Count > 0)
            {
                sent.Add(t);
            }
        }

        Assert.Equal([2, 5, 9.5, 16.25, 26.25, 36.25, 46.25, 56.25], sent);
    }

    [Fact]
    public void A_part_without_an_answer_is_sent_again_in_time_when_the_clock_is_set_back()
    {
        var record = Wire.NewRecord(7, 1000, 3);
        record.Content.Points.Add(new Point { Measurement = "vibe_model" });
        var parts = _records.Add(record, At(0));
        _records.Asked(7, parts[1].Part);
        Assert.Single(_records.TakeDue(At(2).SetBack()));
        Assert.Single(_records.TakeDue(At(5).SetBack(2)));

        _records.Hold(new ContributionHeld { Key = new WindowKey { Series = Wire.Series, Start = 1000 }, Record = Id(7) }, At(6).SetBack(2));
        _records.GatewayFailed(7, parts[1].Part, At(15).SetBack(2));
        Assert.Equal(2, _records.TakeDue(At(17).SetBack(3)).Count);
    }

    [Fact]
    public void A_part_that_is_held_rests_for_ten_seconds()
    {
        _records.Add(Wire.NewRecord(7, 1000, 3), At(0));
        _records.Hold(new ContributionHeld { Key = new WindowKey { Series = Wire.Series, Start = 1000 }, Record = Id(7) }, At(1));
        Assert.Empty(_records.TakeDue(At(10.9)));
        Assert.Single(_records.TakeDue(At(11)));
    }

    [Fact]
    public void A_part_about_which_the_gateway_is_being_asked_is_not_sent_twice()
    {
        var record = new FleetVibe.Protocol.V1.Record { Seq = 7, Content = new RecordContent { Points = { new Point() } } };
        var part = Assert.Single(_records.Add(record, At(0)));
        _records.Asked(7, part.Part);
        Assert.Empty(_records.TakeDue(At(100)));
        _records.GatewayFailed(7, part.Part, At(100));
        Assert.Empty(_records.TakeDue(At(101.9)));
        Assert.Single(_records.TakeDue(At(102)));
    }

    [Fact]
    public void Acknowledgements_join_to_ranges_and_name_what_was_refused()
    {
        foreach (var seq in new ulong[] { 3, 1, 2, 6 })
        {
            _records.Add(Wire.NewRecord(seq, 1000, (int)seq), At(0));
        }

        Settle(3, Wire.Series);
        Settle(1, Wire.Series);
        Settle(6, Wire.Series, Fate.Late);
        Settle(2, Wire.Series);
        var ack = _records.TakeAck();
        Assert.Equal([(1ul, 3ul), (6ul, 6ul)], ack.Ranges.Select(range => (range.First, range.Last)));
        Assert.Equal(new RefusedPart { Seq = 6, Fate = Fate.Late, Requests = 6 }, Assert.Single(ack.Refused));
        Assert.Equal(0, _records.Count);
    }

    [Fact]
    public void An_undecodable_part_gets_its_fate_at_the_gateway()
    {
        var part = Assert.Single(_records.Add(Wire.NewRecord(7, 1001, 3), At(0)));
        var refusal = Assert.IsType<RefusePartRequest>(part.Message);
        Assert.Equal(Fate.Undecodable, refusal.Fate);
        _records.GatewayAnswered(7, part.Part, Fate.Undecodable);
        Assert.Equal(3u, Assert.Single(_records.TakeAck().Refused).Requests);
    }

    [Fact]
    public void An_empty_record_is_done_at_once()
    {
        Assert.Empty(_records.Add(new FleetVibe.Protocol.V1.Record { Seq = 9 }, At(0)));
        Assert.True(_records.HasDone);
    }

    [Fact]
    public void A_record_that_is_under_way_is_not_taken_in_again()
    {
        Assert.Single(_records.Add(Wire.NewRecord(7, 1000, 3), At(0)));
        Assert.Empty(_records.Add(Wire.NewRecord(7, 1000, 3), At(0)));
        Assert.Equal(1, _records.Count);
    }

    private static Moment At(double seconds) => Clock.At(DateTimeOffset.UnixEpoch.AddSeconds(2000 + seconds));

    private static RecordId Id(ulong seq) => new() { Node = "gpu-1", Instance = Wire.InstanceBytes("gpu-1"), Seq = seq };

    private static ContributionSettled Settled(ulong seq, SeriesKey series, Fate fate) =>
        new() { Key = new WindowKey { Series = series, Start = 1000 }, Record = Id(seq), Fate = fate };

    private void Settle(ulong seq, SeriesKey series, Fate fate = Fate.Committed) => _records.Settle(Settled(seq, series, fate));
}
