using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using FleetVibe.Verbs;
using FleetVibe.Verbs.Explain;

namespace FleetVibe.Tests.Verbs;

public class ExplainTests
{
    private const long Start = 1_795_507_200;
    private static readonly double[] Bounds = [0.1, 0.5, 2.5];
    private static readonly long[] Deltas = [5, 20, 14, 1];

    [Fact]
    public void A_final_window_of_exact_values() => Golden.Check("explain-final", Text(Window(final: true)));

    [Fact]
    public void A_window_that_is_open_to_more_with_buckets_and_refused_parts()
    {
        var reply = Window(final: false, buckets: true);
        reply.MissingHosts.Add("gpu-node-03");
        reply.Window.ExpectedHosts.Add("gpu-node-03");
        reply.Window.Refused.Add(new SettledPart { Record = Record("gpu-node-04", 9), Fate = Fate.Late, Requests = 12 });

        Golden.Check("explain-not-final", Text(reply));
    }

    [Fact]
    public void An_old_window_says_that_its_records_are_no_longer_listed()
    {
        var reply = Window(final: true);
        reply.Window.Contributors.Clear();

        Assert.Contains(
            """
            40 requests are of records that the log no longer lists: it does so for an
            hour after a window's last revision. Hosts in the window: gpu-node-01,
            gpu-node-02.
            """, Text(reply), StringComparison.Ordinal);
    }

    [Fact]
    public void Each_revision_says_when_it_came_and_what_it_added()
    {
        var reply = Window(final: true);
        reply.Window.History.Add(new WindowRevision
        {
            Revision = 1, AtUnixMs = (Start + 14) * 1000, AddedHosts = { "gpu-node-01", "gpu-node-02", "gpu-node-03" }, AddedRecords = 3, Requests = 38, Expected = 3,
        });
        reply.Window.History.Add(new WindowRevision { Revision = 2, AtUnixMs = (Start + 75) * 1000 + 250, AddedRecords = 0, Requests = 38, Expected = 2 });

        var words = string.Join(' ', Text(reply).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

        Assert.Contains(
            " 1 08:00:14.000 UTC: 3 records of gpu-node-01, gpu-node-02 and 1 more; 38 requests after it, 3 hosts expected "
            + "2 08:01:15.250 UTC: no record; 38 requests after it, 2 hosts expected requests ", words, StringComparison.Ordinal);
    }

    [Fact]
    public void A_window_without_a_request_has_no_percentile()
    {
        var reply = Window(final: true);
        reply.Window.Totals = new WindowTotals();
        foreach (var part in reply.Window.Contributors)
        {
            part.Requests = 0;
        }

        Assert.Contains("response time: no value", Text(reply), StringComparison.Ordinal);
        Assert.EndsWith("In these 10 seconds no request ended; all 2 expected nodes are in it; it is final. ", Text(reply).ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gpu-node-01", "In these 10 seconds no request is known to have ended; 1 of 2 expected nodes are in it (gpu-node-01 missing)")]
    [InlineData("gpu-node-01 gpu-node-02", "In these 10 seconds no request is known to have ended; all 2 expected nodes are missing (gpu-node-01, gpu-node-02)")]
    public void Where_a_node_is_missing_nobody_says_that_nothing_ended(string missing, string said)
    {
        var reply = Window(final: false);
        reply.Window.Totals = new WindowTotals();
        reply.MissingHosts.Add(missing.Split(' '));

        Assert.StartsWith(said, WindowText.Meaning(reply, TotalsMapper.FromWire(reply.Window.Totals)), StringComparison.Ordinal);
    }

    [Fact]
    public void The_help_shows_the_level_as_a_user_writes_it()
    {
        var text = new StringWriter();
        var parsed = CommandLine.Create().Parse(["explain", "--help"]);
        parsed.Invoke(new System.CommandLine.InvocationConfiguration { Output = text });

        Assert.Contains("[default: 10s]", text.ToString(), StringComparison.Ordinal);
        Assert.Equal("--level: \"2m\" is no window length: write 10s, 1m, 5m or 1h", Assert.Single(ExplainCommand.Create().Parse(["--model", "m", "--window", "1795507204", "--aggregator", "http://127.0.0.1:1", "--level", "2m"]).Errors).Message);
    }

    [Theory]
    [InlineData("1795507204", 1_795_507_204L)]
    [InlineData("2026-11-24T08:00:04Z", 1_795_507_204L)]
    [InlineData("2026-11-24T09:00:04.25+01:00", 1_795_507_204L)]
    [InlineData("2026-11-24 08:00:04", 1_795_507_204L)]
    [InlineData("2026-11-24T08:00Z", 1_795_507_200L)]
    [InlineData("1795507204000", null)]
    [InlineData("0", null)]
    [InlineData("-5", null)]
    [InlineData("yesterday", null)]
    [InlineData("24.11.2026", null)]
    public void A_moment_is_rfc_3339_or_unix_seconds(string text, long? seconds) =>
        Assert.Equal(seconds, MomentText.TryParse(text, out var moment) ? moment.ToUnixTimeSeconds() : null);

    [Theory]
    [InlineData("a", null, null, "a / t")]
    [InlineData("b", null, null, null, "model \"b\" has 2 series: add --task or --variant to tell which: b / t, b / t / v")]
    [InlineData("b", null, "v", "b / t / v")]
    [InlineData("c", null, null, null, "no series of model \"c\" was reported lately: name it in full, with --task; there are a / t, b / t, b / t / v")]
    public void A_series_is_found_by_its_model_where_it_has_only_one(string model, string? task, string? variant, string? found, string problem = "")
    {
        SeriesKey[] known = [Key("a", "t"), Key("b", "t"), Key("b", "t", "v")];
        var series = new WindowQuestion(model, task, variant, default).Find(known, out var said);

        Assert.Equal(found, series is null ? null : WindowText.NameOf(series));
        Assert.Equal(problem, said);
    }

    [Fact]
    public void A_series_that_is_named_in_full_is_not_looked_for()
    {
        Assert.Equal(Key("m", "t"), new WindowQuestion("m", "t", null, default).Named);
        Assert.Null(new WindowQuestion("m", null, "v", default).Named);
    }

    private static SeriesKey Key(string model, string task, string variant = "") => new() { Model = model, Task = task, Variant = variant };

    private static string Text(ExplainWindowReply reply)
    {
        var text = new StringWriter { NewLine = "\n" };
        WindowText.Write(text, reply);
        Golden.IsNarrow(text.ToString());
        return text.ToString();
    }

    private static ExplainWindowReply Window(bool final, bool buckets = false)
    {
        var totals = new SeriesTotals { Requests = 40, Errors = 1, LengthLimited = 3, InputTokens = 8862, OutputTokens = 383_040 };
        for (var i = 0; i < 40; i++)
        {
            totals.ResponseTime.Record(0.5 + (i * 0.25));
        }

        if (buckets)
        {
            totals.Ttft.AddClassic(Bounds, Deltas, 20_000_000);
        }

        return new ExplainWindowReply
        {
            Aggregator = "agg-1",
            Window = new WindowState
            {
                Key = new WindowKey { Series = Key("vibethinker-1.5b", "algorithm_reasoning"), Start = Start },
                Revision = 3,
                Final = final,
                Backfilled = final ? 2UL : 0,
                Totals = TotalsMapper.ToWire(totals),
                Contributors =
                {
                    new Contributor { Record = Record("gpu-node-02", 17), Requests = 14 },
                    new Contributor { Record = Record("gpu-node-01", 1203), Requests = 24 },
                    new Contributor { Record = Record("gpu-node-01", 1211), Requests = 2 },
                },
                Hosts = { "gpu-node-01", "gpu-node-02" },
                ExpectedHosts = { "gpu-node-01", "gpu-node-02" },
            },
        };
    }

    private static RecordId Record(string node, ulong seq) =>
        new RecordKey(node, new Guid($"3f2a91c0-0000-0000-0000-0000000000{node[^2..]}"), seq).ToWire();
}
