using FleetVibe.Metrics.Windows;

namespace FleetVibe.Gateway.Tests.Points;

public sealed class FleetPointTests
{
    private const long Start = 1_700_000_010;

    private static readonly SeriesId Series = new("vibethinker-1.5b", "algorithm_reasoning");

    [Fact]
    public void A_window_without_requests_has_only_counts_coverage_and_the_state_of_its_commit()
    {
        var line = Render(new SeriesTotals(), out var written, contributors: 0, expected: 3, present: 0, final: true);
        Assert.Equal(
            "vibe_fleet,host=fleet,model=vibethinker-1.5b,task=algorithm_reasoning,window=10s requests=0i,errors=0i,length_limited=0i,overflow=0i,"
            + "input_tokens=0i,output_tokens=0i,contributors=0i,expected=3i,coverage=0,backfilled=0i,revision=4i,final=true,precision=\"none\" 1700000010000000000",
            line);
        Assert.Equal(FleetFields.None, written);
    }

    [Fact]
    public void Exact_latencies_give_percentiles_and_range_but_no_bounds()
    {
        var totals = new SeriesTotals { Requests = 4, Errors = 1, LengthLimited = 1, InputTokens = 100, OutputTokens = 250 };
        foreach (var seconds in (double[])[0.5, 0.5, 0.5, 2])
        {
            totals.ResponseTime.Record(seconds);
        }

        totals.Ttft.Record(0.125);
        var line = Render(totals, out var written, contributors: 2, expected: 4, present: 2);

        // 2 s lies in bucket 63 of scale 6, whose geometric midpoint is 2^(63.5/64) s.
        Assert.Equal(1.9891988469672663, Math.Pow(2, 63.5 / 64), 12);
        Assert.Equal(
            "vibe_fleet,host=fleet,model=vibethinker-1.5b,task=algorithm_reasoning,window=10s requests=4i,errors=1i,length_limited=1i,overflow=0i,"
            + "input_tokens=100i,output_tokens=250i,contributors=2i,expected=4i,coverage=0.5,backfilled=0i,revision=4i,final=false,precision=\"exact\","
            + "error_rate=0.25,requests_per_second=0.4,output_tokens_per_second=25,"
            + "response_time_mean_ms=875,response_time_min_ms=500,response_time_max_ms=2000,response_time_p50_ms=500,"
            + "response_time_p90_ms=1989.1988469672663,response_time_p95_ms=1989.1988469672663,response_time_p99_ms=1989.1988469672663,"
            + "response_time_p99_9_ms=1989.1988469672663,ttft_p50_ms=125,ttft_p95_ms=125,ttft_p99_ms=125 1700000010000000000",
            line);
        Assert.Equal(FleetFields.ResponseTimeMin | FleetFields.ResponseTimeMax, written);
    }

    [Fact]
    public void Bucketed_latencies_give_bounds_and_no_range()
    {
        var fields = FieldsOf(Render(Bucketed(0.5, inBucket: 10, overflow: 0), out var written));

        Assert.Equal("\"bucket\"", fields["precision"]);
        Assert.InRange(Number(fields["response_time_p99_lo_ms"]), 0, 500);
        Assert.InRange(Number(fields["response_time_p99_hi_ms"]), 1000, 1011);
        Assert.True(fields.ContainsKey("response_time_p50_lo_ms") && fields.ContainsKey("response_time_p95_hi_ms"));
        Assert.DoesNotContain("response_time_p90_lo_ms", fields.Keys);
        Assert.DoesNotContain("response_time_p99_9_hi_ms", fields.Keys);
        Assert.DoesNotContain("response_time_min_ms", fields.Keys);
        Assert.Equal(FleetFields.ResponseTimeP50High | FleetFields.ResponseTimeP95High | FleetFields.ResponseTimeP99High, written);
    }

    [Fact]
    public void Above_the_top_bucket_no_high_is_invented_but_one_that_was_written_says_open()
    {
        var totals = Bucketed(0.5, inBucket: 1, overflow: 9);

        var fresh = FieldsOf(Render(totals, out _));
        Assert.Equal("9i", fresh["overflow"]);
        Assert.DoesNotContain("response_time_p99_hi_ms", fresh.Keys);
        Assert.Equal(fresh["response_time_p99_ms"], fresh["response_time_p99_lo_ms"]);

        var later = FieldsOf(Render(totals, out var written, written: FleetFields.ResponseTimeP99High));
        Assert.Equal(1e10, Number(later["response_time_p99_hi_ms"]));
        Assert.DoesNotContain("response_time_p95_hi_ms", later.Keys);
        Assert.Equal(FleetFields.ResponseTimeP99High, written & FleetFields.ResponseTimeP99High);
    }

    [Fact]
    public void A_range_that_was_written_comes_from_the_bounds_once_it_is_not_known_any_more()
    {
        var exact = new SeriesTotals { Requests = 1 };
        exact.ResponseTime.Record(2);
        Render(exact, out var written);
        var mixed = Bucketed(0.5, inBucket: 3, overflow: 0);
        mixed.Merge(exact);

        var fields = FieldsOf(Render(mixed, out var after, written: written));

        Assert.Equal("\"mixed\"", fields["precision"]);
        Assert.InRange(Number(fields["response_time_min_ms"]), 490, 500);
        Assert.InRange(Number(fields["response_time_max_ms"]), 2000, 2022);
        Assert.Equal(written, after & written);

        mixed.Merge(Bucketed(0.5, inBucket: 0, overflow: 1));
        Assert.Equal(1e10, Number(FieldsOf(Render(mixed, out _, written: after))["response_time_max_ms"]));
    }

    [Fact]
    public void Requests_without_a_duration_have_rates_and_no_percentile()
    {
        var fields = FieldsOf(Render(new SeriesTotals { Requests = 2, Errors = 5 }, out _));
        Assert.Equal("1", fields["error_rate"]);
        Assert.Equal("\"none\"", fields["precision"]);
        Assert.DoesNotContain(fields.Keys, k => k.StartsWith("response_time", StringComparison.Ordinal));
    }

    [Fact]
    public void The_variant_is_a_tag_only_where_there_is_one_and_names_are_escaped()
    {
        var window = Window(new SeriesTotals(), new SeriesId("my model,v=1", "t", "lora\nA"));
        var point = FleetPoint.Render(window, out _);
        Assert.StartsWith(@"vibe_fleet,host=fleet,model=my\ model\,v\=1,task=t,variant=lora", point.Line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', point.Line);
        Assert.Equal(point.Line[..point.Line.IndexOf(" requests=", StringComparison.Ordinal)] + " 1700000010000000000", point.Key);
    }

    [Theory]
    [InlineData(10, "10s")]
    [InlineData(60, "1m")]
    [InlineData(300, "5m")]
    [InlineData(3600, "1h")]
    public void Windows_are_named_by_their_length(int seconds, string name) => Assert.Equal(name, FleetPoint.NameOf(seconds));

    private static SeriesTotals Bucketed(double low, long inBucket, long overflow)
    {
        var totals = new SeriesTotals { Requests = inBucket + overflow };
        totals.ResponseTime.AddClassic([low, 2 * low], [0, inBucket, overflow], 1_000_000);
        return totals;
    }

    private static FleetWindow Window(
        SeriesTotals totals, SeriesId series, int contributors = 1, int expected = 1, int present = 1, bool final = false, FleetFields written = FleetFields.None) =>
        new(series, 10, Start, totals, contributors, expected, present, 0, 4, final, written);

    private static string Render(
        SeriesTotals totals, out FleetFields after, int contributors = 1, int expected = 1, int present = 1, bool final = false,
        FleetFields written = FleetFields.None) =>
        FleetPoint.Render(Window(totals, Series, contributors, expected, present, final, written), out after).Line;

    private static Dictionary<string, string> FieldsOf(string line) =>
        line.Split(' ')[1].Split(',').Select(f => f.Split('=')).ToDictionary(f => f[0], f => f[1]);

    private static double Number(string text) => double.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
