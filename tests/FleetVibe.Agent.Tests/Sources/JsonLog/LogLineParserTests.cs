using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog;
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
    [InlineData(""","status":true""", RequestOutcome.Error)]
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
        Assert.True(parser.TryParse(line, out var first, out _));
        Assert.True(parser.TryParse(line, out var second, out _));
        Assert.Same(first.Series, second.Series);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var parsed = 0;
        for (var i = 0; i < 1000; i++)
        {
            parsed += parser.TryParse(line, out _, out _) ? 1 : 0;
        }

        Assert.Equal(1000, parsed);

        // The runtime itself allocates a little now and then; a line must not.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
    }

    [Fact]
    public void The_last_of_two_equal_keys_wins() =>
        Assert.Equal(0.002, Parse("""{"timestamp":1763964000,"model":"m","duration_ms":1,"duration_ms":2}""").DurationSeconds);

    private static RequestObservation Parse(string line, JsonLogSourceSettings? settings = null)
    {
        var parsed = new LogLineParser(settings ?? Settings).TryParse(Encoding.UTF8.GetBytes(line), out var request, out var reason);
        Assert.True(parsed, $"{reason}: {line}");
        return request;
    }

    private static object? Refuse(string line)
    {
        var settings = Settings with { Fields = new LogFields { Ttft = "ttft" } };
        return new LogLineParser(settings).TryParse(Encoding.UTF8.GetBytes(line), out _, out var reason) ? null : reason;
    }
}
