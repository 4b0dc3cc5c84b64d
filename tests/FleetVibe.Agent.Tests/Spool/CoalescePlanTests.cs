using CsCheck;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Points;
using FleetVibe.Agent.Spool;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;
using Google.Protobuf;

namespace FleetVibe.Agent.Tests.Spool;

/// <summary>What becomes one record, and what it then holds.</summary>
public class CoalescePlanTests
{
    private const long Now = Fixtures.Start + 7200;

    // (level, moment in 10 s steps since the start, series, requests, milliseconds of each)
    private static readonly Gen<(int Level, int Step, int Series, int Requests, int Ms)[]> Spools =
        Gen.Select(Gen.Frequency((8, Gen.Const(0)), (2, Gen.Const(1)), (1, Gen.Const(2)), (1, Gen.Const(3))), Gen.Int[0, 730], Gen.Int[0, 2], Gen.Int[0, 3], Gen.Int[1, 90_000])
            .Array[0, 120];

    [Fact]
    public void Coalescing_changes_no_total_and_no_distribution_of_any_series_and_every_window_nests() =>
        Gen.Select(Spools, Gen.Long[0, 4000], Gen.Int[2, 40]).Sample((spool, wanted, most) =>
        {
            var records = spool.Select((record, n) => (Seq: n + 1L, Content: Content(record))).ToDictionary(record => record.Seq, record => record.Content);
            var before = Total(records.Values);
            var (plan, rounds) = (Plan(records, wanted, most), 0);
            for (; plan.Count > 0; plan = Plan(records, wanted, most))
            {
                Assert.True(++rounds <= (3 * spool.Length) + 3, "it does not come to an end");
                Assert.Equal(plan.Sum(group => group.Sequences.Count), plan.SelectMany(group => group.Sequences).Distinct().Count());
                foreach (var group in plan)
                {
                    Apply(records, group);
                }

                Assert.Equal(before, Total(records.Values));
            }

            // What is left of windows that are past stands alone in its hour.
            Assert.All(
                records.Values.Where(content => WindowLevels.EndOf(WindowLevel._1H, WindowLevels.StartOf(WindowLevel._1H, content.WindowStart)).ToUnixTimeSeconds() <= Now)
                    .CountBy(content => WindowLevels.StartOf(WindowLevel._1H, content.WindowStart)),
                hour => Assert.Equal(1, hour.Value));
        }, iter: 300);

    [Fact]
    public void The_oldest_of_the_finest_windows_go_first_and_no_more_of_them_than_needed()
    {
        List<WaitingRecord> spool =
        [
            new(1, WindowLevel._1M, Fixtures.Start - 400, 1000), // 1_789_999_600 lies in another 5 m
            .. Enumerable.Range(0, 60).Select(n => new WaitingRecord(n + 2, WindowLevel._10S, WindowLevels.StartOf(WindowLevel._1M, Fixtures.Start) + (n * 10), 1000)),
        ];
        var group = Assert.Single(CoalescePlan.Of(spool, 4000, Now, 1000));
        Assert.Equal((WindowLevel._1M, 2L, 6), (group.Level, group.Sequences[0], group.Sequences.Count));
        Assert.Equal(2, CoalescePlan.Of(spool, 6000, Now, 1000).Count);
        Assert.Equal(10, CoalescePlan.Of(spool, long.MaxValue, Now, 1000).Count);
    }

    [Fact]
    public void A_window_that_is_not_past_is_left_alone()
    {
        var start = WindowLevels.StartOf(WindowLevel._1H, Fixtures.Start);
        WaitingRecord[] spool = [new(1, WindowLevel._10S, start, 100), new(2, WindowLevel._10S, start + 10, 100)];
        Assert.Empty(CoalescePlan.Of(spool, 1, start + 59, 1000));
        Assert.Equal(WindowLevel._1M, Assert.Single(CoalescePlan.Of(spool, 1, start + 60, 1000)).Level);
    }

    [Fact]
    public void Full_records_of_one_window_are_not_merged_over_and_over()
    {
        var start = WindowLevels.StartOf(WindowLevel._1H, Fixtures.Start);
        WaitingRecord[] spool = [new(1, WindowLevel._1H, start, RecordContents.MaxRecordBytes), new(2, WindowLevel._1H, start, RecordContents.MaxRecordBytes)];
        Assert.Empty(CoalescePlan.Of(spool, 1, Now, 1000));
        Assert.Single(CoalescePlan.Of([.. spool, new(3, WindowLevel._10S, start + 20, 100)], 1, Now, 1000));
    }

    [Fact]
    public void A_larger_window_has_no_points_of_the_finer_ones_and_keeps_events()
    {
        var with = Content((0, 0, 0, 2, 5));
        with.Points.Add(new Point { Measurement = "vibe_model", TimestampNs = 1 });
        with.Points.Add(EventPoints.Of("gpu-1", EventPoints.ClockSkew, EventPoints.Warning, "two\nlines", Fixtures.At(1)));

        var merged = RecordMerge.Of(WindowLevel._1M, WindowLevels.StartOf(WindowLevel._1M, Fixtures.Start), [with, Content((0, 1, 1, 3, 5))]);

        Assert.Equal(1, merged.PointsLeftOut);
        var (content, requests) = Assert.Single(merged.Contents);
        Assert.Equal((5, 2), (requests, content.Contributions.Count));
        var point = Assert.Single(content.Points);
        Assert.Equal(("vibe_event", "two lines", "warning"), (point.Measurement, point.Get("text")!.Text, point.Get("severity")!.Text));
    }

    private static List<CoalesceGroup> Plan(Dictionary<long, RecordContent> records, long wanted, int most) => CoalescePlan.Of(
        records.Select(record => new WaitingRecord(record.Key, record.Value.Level, record.Value.WindowStart, record.Value.CalculateSize()))
            .OrderBy(record => record.Start).ThenBy(record => record.Seq),
        wanted, Now, most);

    private static void Apply(Dictionary<long, RecordContent> records, CoalesceGroup group)
    {
        var end = WindowLevels.EndOf(group.Level, group.Start).ToUnixTimeSeconds();
        Assert.InRange(end, 0, Now);
        Assert.Equal(group.Start, WindowLevels.StartOf(group.Level, group.Start));
        var members = group.Sequences.Select(seq => records[seq]).ToList();
        Assert.All(members, member => Assert.True(
            member.Level <= group.Level && member.WindowStart >= group.Start && member.WindowStart + WindowLevels.SecondsOf(member.Level) <= end));
        var merged = RecordMerge.Of(group.Level, group.Start, members);
        foreach (var seq in group.Sequences)
        {
            records.Remove(seq);
        }

        foreach (var (content, _) in merged.Contents)
        {
            Assert.Equal((group.Level, group.Start), (content.Level, content.WindowStart));
            records.Add(records.Keys.Append(1000).Max() + 1, content);
        }
    }

    private static RecordContent Content((int Level, int Step, int Series, int Requests, int Ms) record)
    {
        var level = (WindowLevel)record.Level;
        var totals = new SeriesTotals { Requests = record.Requests, Errors = record.Requests / 2, WideRequests = record.Requests / 3 };
        for (var n = 0; n < record.Requests; n++)
        {
            totals.ResponseTime.Record(record.Ms / 1000d);
        }

        totals.Ttft.AddClassic([0.1, 1], [record.Requests, 0, 1], record.Ms);
        return new RecordContent
        {
            Level = level,
            WindowStart = WindowLevels.StartOf(level, Fixtures.Start + (record.Step * 10)),
            Contributions = { new Contribution { Series = new SeriesKey { Model = $"m{record.Series}", Task = "t" }, Totals = TotalsMapper.ToWire(totals) } },
        };
    }

    private static string Total(IEnumerable<RecordContent> records) => string.Join('\n', records.SelectMany(record => record.Contributions)
        .GroupBy(part => part.Series.Model, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal)
        .Select(group =>
        {
            var totals = new SeriesTotals();
            foreach (var part in group)
            {
                totals.Merge(TotalsMapper.FromWire(part.Totals));
            }

            return $"{group.Key} {TotalsMapper.ToWire(totals).ToByteString().ToBase64()}";
        }));
}
