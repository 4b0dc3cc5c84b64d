using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog;
using FleetVibe.Agent.Sources.JsonLog.Formats;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

public sealed class LogLineParserTests
{
    private static readonly JsonLogSourceSettings Settings = new() { Path = "/var/log/app.jsonl" };

    [Fact]
    public void A_line_becomes_a_request()
    {
        var request = Parse("""{"timestamp":"2025-11-24T06:00:00.5Z","model":"vibe","task":"math","prompt_tokens":212,"completion_tokens":9166,"duration_ms":75012.4,"status":200}""");
        Assert.Equal(new SeriesId("vibe", "math"), request.Series);
        Assert.Equal(DateTimeOffset.UnixEpoch.AddSeconds(1763964000.5), request.CompletedAt);
        Assert.Equal(75.0124, request.DurationSeconds!.Value, 9);
        Assert.Null(request.TtftSeconds);
        Assert.Equal((212, 9166), (request.InputTokens, request.OutputTokens));
        Assert.Equal(RequestOutcome.Success, request.Outcome);
        Assert.False(request.ExternalClock);
    }

    [Fact]
    public void A_dot_in_a_field_name_steps_into_an_object_and_units_are_configured()
    {
        var settings = Settings with
        {
            Variant = "prompt-7",
            ExternalClock = true,
            Fields = new LogFields
            {
                Timestamp = "ts",
                Duration = "timing.total",
                DurationUnit = "s",
                Ttft = "timing.first_ms",
                InputTokens = "usage.prompt_tokens",
                OutputTokens = "usage.completion_tokens",
                Status = "choices.finish",
            },
        };
        var request = Parse(
            """{"ts":1763964000,"timing":{"total":"1.25","first_ms":80,"x":[{"total":9}]},"usage":{"prompt_tokens":5,"completion_tokens":7,"d":{}},"model":"m","choices":{"finish":"LENGTH"}}""",
            settings);
        Assert.Equal(new SeriesId("m", "default", "prompt-7"), request.Series);
        Assert.Equal((1.25, 0.08), (request.DurationSeconds, request.TtftSeconds));
        Assert.Equal((5, 7), (request.InputTokens, request.OutputTokens));
        Assert.Equal(RequestOutcome.LengthLimited, request.Outcome);
        Assert.True(request.ExternalClock);
        Assert.Equal(5, Parse("""{"ts":1763964000,"usage.prompt_tokens":5,"model":"m"}""", settings).InputTokens);
    }

    [Theory]
    [InlineData("ms", 1.5)]
    [InlineData("s", 1500)]
    [InlineData("us", 0.0015)]
    [InlineData("ns", 0.0000015)]
    public void The_duration_has_the_configured_unit(string unit, double seconds)
    {
        var settings = Settings with { Fields = new LogFields { DurationUnit = unit } };
        Assert.Equal(seconds, Parse("""{"timestamp":1763964000,"model":"m","duration_ms":1500}""", settings).DurationSeconds!.Value, 12);
    }

    [Theory]
    [InlineData("", RequestOutcome.Success)]
    [InlineData(""","status":null""", RequestOutcome.Success)]
    [InlineData(""","status":"" """, RequestOutcome.Success)]
    [InlineData(""","status":"Success" """, RequestOutcome.Success)]
    [InlineData(""","status":"SUCCEEDED" """, RequestOutcome.Success)]
    [InlineData(""","status":"ok" """, RequestOutcome.Success)]
    [InlineData(""","status":"completed" """, RequestOutcome.Success)]
    [InlineData(""","status":"Done" """, RequestOutcome.Success)]
    [InlineData(""","status":"stop" """, RequestOutcome.Success)]
    [InlineData(""","status":"tool_calls" """, RequestOutcome.Success)]
    [InlineData(""","status":"length" """, RequestOutcome.LengthLimited)]
    [InlineData(""","status":0""", RequestOutcome.Success)]
    [InlineData(""","status":"200" """, RequestOutcome.Success)]
    [InlineData(""","status":100""", RequestOutcome.Success)]
    [InlineData(""","status":399""", RequestOutcome.Success)]
    [InlineData(""","status":99""", RequestOutcome.Error)]
    [InlineData(""","status":400""", RequestOutcome.Error)]
    [InlineData(""","status":499""", RequestOutcome.Error)]
    [InlineData(""","status":200.5""", RequestOutcome.Error)]
    [InlineData(""","status":14""", RequestOutcome.Error)]
    [InlineData(""","status":"abort" """, RequestOutcome.Error)]
    [InlineData(""","status":"error" """, RequestOutcome.Error)]
    [InlineData(""","status":true""", RequestOutcome.Success)]
    [InlineData(""","status":false""", RequestOutcome.Error)]
    [InlineData(""","status":"function_call" """, RequestOutcome.Success)]
    [InlineData(""","status":"content_filter" """, RequestOutcome.Success)]
    [InlineData(""","status":"end_turn" """, RequestOutcome.Success)]
    [InlineData(""","status":"stop_sequence" """, RequestOutcome.Success)]
    [InlineData(""","status":"tool_use" """, RequestOutcome.Success)]
    [InlineData(""","status":"max_tokens" """, RequestOutcome.LengthLimited)]
    [InlineData(""","status":"MAX_TOKENS" """, RequestOutcome.LengthLimited)]
    [InlineData(""","status":"some_day" """, RequestOutcome.Error)]
    [InlineData(""","status":{"code":200}""", RequestOutcome.Error)]
    public void Success_is_what_the_rule_says(string status, RequestOutcome outcome) =>
        Assert.Equal(outcome, Parse($$"""{"timestamp":1763964000,"model":"m"{{status}}}""").Outcome);

    [Theory]
    [InlineData(""","status":"Fine" """, RequestOutcome.Success)]
    [InlineData(""","status":201""", RequestOutcome.Success)]
    [InlineData(""","status":"length" """, RequestOutcome.Error)]
    [InlineData(""","status":200""", RequestOutcome.Error)]
    [InlineData("", RequestOutcome.Error)]
    public void A_configured_list_takes_the_place_of_the_rule(string status, RequestOutcome outcome) => Assert.Equal(
        outcome,
        Parse($$"""{"timestamp":1763964000,"model":"m"{{status}}}""", Settings with { SuccessStatus = ["fine", "201"] }).Outcome);

    [Theory]
    [InlineData("")]
    [InlineData(""","duration_ms":null""")]
    [InlineData(""","duration_ms":"" """)]
    [InlineData(""","duration_ms":"-" """)]
    public void A_request_without_a_duration_counts_without_a_latency(string duration) =>
        Assert.Null(Parse($$"""{"timestamp":1763964000,"model":"m"{{duration}}}""").DurationSeconds);

    [Theory]
    [InlineData(""","duration_ms":-5""", SkipReason.BadDuration)]
    [InlineData(""","duration_ms":1e400""", SkipReason.BadDuration)]
    [InlineData(""","duration_ms":"NaN" """, SkipReason.BadDuration)]
    [InlineData(""","duration_ms":"fast" """, SkipReason.BadDuration)]
    [InlineData(""","duration_ms":[1]""", SkipReason.BadDuration)]
    [InlineData(""","duration_ms":true""", SkipReason.BadDuration)]
    [InlineData(""","duration_ms":NaN""", SkipReason.NotJson)]
    [InlineData(""","duration_ms":Infinity""", SkipReason.NotJson)]
    [InlineData(""","prompt_tokens":-1""", SkipReason.BadTokens)]
    [InlineData(""","completion_tokens":99999999999999999999""", SkipReason.BadTokens)]
    [InlineData(""","ttft":-1""", SkipReason.BadTtft)]
    [InlineData(""","model":" " """, SkipReason.ModelMissing)]
    [InlineData(""","model":null""", SkipReason.ModelMissing)]
    [InlineData(""","model":{}""", SkipReason.ModelMissing)]
    [InlineData(""","timestamp":null""", SkipReason.BadTimestamp)]
    [InlineData(""","timestamp":"noon" """, SkipReason.BadTimestamp)]
    [InlineData(""","x":"\ud800" """, null)]
    [InlineData(""","model":"\ud800" """, SkipReason.NotJson)]
    public void A_line_that_cannot_be_counted_rightly_is_skipped_for_a_reason(string more, object? reason) =>
        Assert.Equal(reason, Refuse($$"""{"timestamp":1763964000,"model":"m"{{more}}}"""));

    [Theory]
    [InlineData("not json at all")]
    [InlineData("""{"timestamp":"2025-11-24T06:00:11Z","request_id":"trunc""")]
    [InlineData("""{"timestamp":1763964000,"model":"m"}{"timestamp":1763964000,"model":"m"}""")]
    [InlineData("""[{"timestamp":1763964000,"model":"m"}]""")]
    [InlineData("""{"timestamp":1763964000,"model":"m",}""")]
    [InlineData("{")]
    public void A_line_that_is_not_one_object_is_skipped(string line) => Assert.Equal(SkipReason.NotJson, Refuse(line));

    [Fact]
    public void The_configuration_stands_above_the_line()
    {
        var settings = Settings with { Model = "ours", Task = "code" };
        Assert.Equal(new SeriesId("ours", "code"), Parse("""{"timestamp":1763964000,"model":"theirs","task":"t"}""", settings).Series);
        Assert.Equal(new SeriesId("ours", "code"), Parse("""{"timestamp":1763964000}""", settings).Series);
    }

    [Theory]
    [InlineData("""a\nb""", "a b")]
    [InlineData("""\u0000a\u001b\u0085""", "a")]
    [InlineData("""caf\u00e9""", "café")]
    [InlineData("""a\u2028b""", "a b")]
    public void No_line_break_or_control_character_gets_into_a_name(string written, string name) =>
        Assert.Equal(name, Parse($$"""{"timestamp":1763964000,"model":"{{written}}"}""").Series.Model);

    [Fact]
    public void Names_seen_before_are_not_allocated_again()
    {
        var parser = new LogLineParser(Settings);
        var line = """{"timestamp":"2025-11-24T06:00:00Z","model":"m","task":"t","duration_ms":1.5,"prompt_tokens":"7","status":"ok"}"""u8.ToArray();
        Assert.Same(parser.Read(line, default).Request.Series, parser.Read(line, default).Request.Series);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var parsed = 0;
        for (var i = 0; i < 1000; i++)
        {
            parsed += parser.Read(line, default).Verdict == LineVerdict.Request ? 1 : 0;
        }

        Assert.Equal(1000, parsed);

        // The runtime itself allocates a little now and then; a line must not.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
    }

    [Fact]
    public void The_last_of_two_equal_keys_wins() =>
        Assert.Equal(0.002, Parse("""{"timestamp":1763964000,"model":"m","duration_ms":1,"duration_ms":2}""").DurationSeconds);

    [Fact]
    public void Of_alternatives_the_first_that_has_a_value_counts()
    {
        var settings = Settings with { Fields = new LogFields { Model = "deployment.name or model_group or model", InputTokens = "usage.input or prompt_tokens" } };
        Assert.Equal("c", Parse("""{"timestamp":1763964000,"model":"c"}""", settings).Series.Model);
        Assert.Equal("b", Parse("""{"timestamp":1763964000,"model":"c","model_group":"b"}""", settings).Series.Model);
        Assert.Equal("a", Parse("""{"deployment":{"name":"a"},"timestamp":1763964000,"model_group":"b","model":"c"}""", settings).Series.Model);
        Assert.Equal("c", Parse("""{"deployment":{"name":null},"timestamp":1763964000,"model_group":"","model":"c"}""", settings).Series.Model);
        Assert.Equal(7, Parse("""{"timestamp":1763964000,"model":"c","prompt_tokens":7,"usage":{"input":null}}""", settings).InputTokens);
    }

    [Theory]
    [InlineData("""{"began":1763964000,"timestamp":1763964002.5,"model":"m"}""", 2.5, 2.5)]
    [InlineData("""{"began":1763964000,"duration_ms":2500,"model":"m"}""", 2.5, 2.5)]
    [InlineData("""{"began":1763964000,"timestamp":1763964002.5,"duration_ms":100,"model":"m"}""", 2.5, 0.1)]
    [InlineData("""{"began":"2025-11-24 06:00:00,000","timestamp":"2025/11/24 - 06:00:02","model":"m"}""", 2, 2d)]
    public void A_start_gives_what_the_line_lacks(string line, double end, double duration)
    {
        var request = Parse(line, Settings with { Fields = new LogFields { Start = "began" } });
        Assert.Equal((DateTimeOffset.FromUnixTimeSeconds(1763964000).AddSeconds(end), duration), (request.CompletedAt, request.DurationSeconds!.Value));
    }

    [Theory]
    [InlineData("75.01s", 75.01)]
    [InlineData("1m15s", 75)]
    [InlineData("1h0m1.5s", 3601.5)]
    [InlineData("49.382\u00b5s", 49.382e-6)]
    [InlineData("1.96844ms", 1.96844e-3)]
    [InlineData("250us", 250e-6)]
    [InlineData("12 ns", 12e-9)]
    [InlineData("0.500, 1.000 : 0.250", 0.00175)]
    [InlineData("-, 1.5", 0.0015)]
    public void A_duration_may_name_its_own_unit_or_be_a_list_of_tries(string text, double seconds) =>
        Assert.Equal(seconds, Parse($$"""{"timestamp":1763964000,"model":"m","duration_ms":"{{text}}"}""").DurationSeconds!.Value, 12);

    [Theory]
    [InlineData("1,5")]
    [InlineData("1m5")]
    [InlineData("5 parsecs")]
    [InlineData("-1s")]
    [InlineData("1m-5s")]
    [InlineData("1:30")]
    public void What_is_no_duration_is_refused(string text) =>
        Assert.Equal(SkipReason.BadDuration, Refuse($$"""{"timestamp":1763964000,"model":"m","duration_ms":"{{text}}"}"""));

    [Fact]
    public void A_method_that_is_mapped_lets_only_posts_count()
    {
        var parser = new LogLineParser(Settings with { Model = "m", OnlyPaths = ["/v1/*"], Fields = new LogFields { Method = "verb", Path = "url" } });
        LineVerdict Of(string line) => parser.Read(Encoding.UTF8.GetBytes(line), default).Verdict;
        Assert.Equal(LineVerdict.Request, Of("""{"timestamp":1763964000,"verb":"POST","url":"/v1/chat/completions?x=1"}"""));
        Assert.Equal(LineVerdict.Other, Of("""{"timestamp":1763964000,"verb":"GET","url":"/v1/models"}"""));
        Assert.Equal(LineVerdict.Other, Of("""{"timestamp":1763964000,"verb":"POST","url":"/tokenize"}"""));
        Assert.Equal(LineVerdict.Other, Of("""{"timestamp":1763964000,"verb":"","url":""}"""));
        Assert.Equal(LineVerdict.Request, Of("""{"timestamp":1763964000}"""));
    }

    [Theory]
    [InlineData("\"a\"", "a")]
    [InlineData("7", "7")]
    [InlineData("true", "true")]
    [InlineData("null", "")]
    [InlineData("{}", "")]
    public void Any_field_may_name_the_variant(string value, string variant) => Assert.Equal(
        variant, Parse($$$"""{"timestamp":1763964000,"model":"m","meta":{"arm":{{{value}}}}}""", Settings with { Fields = new LogFields { Variant = "meta.arm" } }).Series.Variant);

    private static RequestObservation Parse(string line, JsonLogSourceSettings? settings = null)
    {
        var parsed = new LogLineParser(settings ?? Settings).Read(Encoding.UTF8.GetBytes(line), default);
        Assert.True(parsed.Verdict == LineVerdict.Request, $"{parsed.Verdict} {parsed.Reason}: {line}");
        return parsed.Request;
    }

    private static object? Refuse(string line)
    {
        var settings = Settings with { Fields = new LogFields { Ttft = "ttft" } };
        return new LogLineParser(settings).Read(Encoding.UTF8.GetBytes(line), default) is { Verdict: LineVerdict.Skipped } skipped ? skipped.Reason : null;
    }
}
