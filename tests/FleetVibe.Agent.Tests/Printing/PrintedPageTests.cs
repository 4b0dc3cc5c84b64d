using System.Text;
using FleetVibe.Agent.Printing;
using FleetVibe.Agent.Spool;
using FleetVibe.Protocol.V1;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Printing;

public class PrintedPageTests
{
    [Fact]
    public void Of_a_point_with_several_revisions_only_the_last_is_printed()
    {
        var page = Page(Record(4, Start, Model(1)), Record(5, Start + 10, Model(7, Start + 10)), Record(9, Start, Model(2), Model(3, host: "two\nlines")));

        Assert.Equal(
            [
                "vibe_model,host=gpu-1 requests=2i 1790000000000000000",
                "vibe_model,host=gpu-1 requests=7i 1790000010000000000",
                @"vibe_model,host=two\ lines requests=3i 1790000000000000000",
            ],
            Lines(page));
        Assert.Equal([(4UL, 4UL), (5UL, 5UL), (9UL, 9UL)], page.Sequences.Select(range => (range.First, range.Last)));
        Assert.Empty(page.Refused);
    }

    [Fact]
    public void Requests_that_no_point_shows_are_refused_by_the_age_of_their_window()
    {
        var page = Page(Record(1, Start - 100_000), Record(2, Start + 310), Record(3, Start, Model(1)), Record(4, Start + 300));

        Assert.Equal([(1UL, Fate.Late), (2UL, Fate.Future), (4UL, Fate.Late)], page.Refused.Select(part => (part.Seq, part.Fate)));
        Assert.Single(Lines(page));
    }

    private static PrintedPage Page(params (ulong Seq, RecordContent Content)[] records) => PrintedPage.Of(new OfferedRecords(records, 1), At(0));

    private static string[] Lines(PrintedPage page) => Encoding.UTF8.GetString(page.Lines.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static (ulong Seq, RecordContent Content) Record(ulong seq, long start, params Point[] points) =>
        (seq, new RecordContent { WindowStart = start, Points = { points } });

    private static Point Model(long requests, long start = Start, string host = "gpu-1") => new()
    {
        Measurement = "vibe_model",
        TimestampNs = start * 1_000_000_000,
        Tags = { new Tag { Key = "host", Value = host } },
        Fields = { new Field { Key = "requests", Integer = requests } },
    };
}
