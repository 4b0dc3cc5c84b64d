using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Spool;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Spool;

/// <summary>How many seconds of outage a spool is said to last.</summary>
public class OutageForecastTests
{
    [Theory]
    [InlineData("0 60", 120)]
    [InlineData("0 30 60 90", 60)]
    [InlineData("0 59", null)] // too short to tell
    [InlineData("0", null)]
    [InlineData("", null)]
    [InlineData("0 600 660", 120)] // at the rate of the last minutes
    [InlineData("900 0 60", 120)] // the clock was set back
    [InlineData("0 60 0 59", null)]
    public void It_is_the_room_at_the_rate_at_which_records_are_made(string made, int? left)
    {
        const int content = 3000; // one on a page
        var forecast = new OutageForecast();
        foreach (var at in made.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            forecast.Note(At(int.Parse(at)), [content]);
            forecast.Note(At(int.Parse(at)), []);
        }

        Assert.Equal(left, forecast.SecondsLeft(2 * (4096 + 25)));
        Assert.Equal(left is null ? null : 0, forecast.SecondsLeft(-1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(25)]
    [InlineData(60)]
    public void A_spool_lasts_as_long_as_its_points_said_within_a_fifth(int series)
    {
        using var spool = new TestSpool();
        var settings = Settings(RequestLog with { Model = null });
        var state = State(settings);

        // Windows that closed an hour ago go from here on.
        for (var minute = 0; minute < 65; minute++)
        {
            Write(minute);
        }

        settings = settings with { SpoolMaxBytes = spool.Store.Status.UsedBytes + 1_500_000 };
        var told = LeftIn(Write(65));
        var lasted = 0;
        for (var minute = 66; spool.Store.Status.UsedBytes < settings.SpoolMaxBytes; minute++)
        {
            Write(minute);
            lasted += 60;
        }

        Assert.InRange(lasted, told * 0.8, told * 1.2);

        IReadOnlyList<RecordContent> Write(int minute)
        {
            var at = minute * 60;
            state.Fold(Lines(1, [.. Enumerable.Range(0, series).Select(n => Request(at, 0.1 * (n + 1), series: new SeriesId($"m{n}", "chat")))]), At(at));
            return spool.Store.ContentsOf(spool.Store.Commit(state.TakeBatch(At(at + 12), 0), new WindowCloser(settings)));
        }
    }

    [Fact]
    public void While_every_record_leaves_at_once_it_is_told_and_steady()
    {
        using var spool = new TestSpool();
        var settings = Settings(RequestLog);
        var state = State(settings);
        var told = new List<long?>();
        for (var window = 0; window < 60; window++)
        {
            var at = window * 10;
            state.Fold(Lines(1, Request(at)), At(at));
            var result = spool.Store.Commit(state.TakeBatch(At(at + 12), 0), new WindowCloser(settings));
            told.Add(spool.Store.ContentsOf(result).PointOf("vibe_fleetvibe").Get("outage_seconds_left")?.Integer);
            spool.Store.Acknowledge([new SequenceRange { First = result.Records[0].Seq, Last = result.Records[^1].Seq }], []);
        }

        Assert.All(told.Take(7), Assert.Null);
        Assert.All(told.Skip(7), left => Assert.InRange(left!.Value, told[^1]!.Value * 0.9, told[^1]!.Value * 1.1));
    }

    private static long LeftIn(IReadOnlyList<RecordContent> contents) =>
        contents.PointsOf("vibe_fleetvibe").Last().Get("outage_seconds_left")!.Integer;
}
