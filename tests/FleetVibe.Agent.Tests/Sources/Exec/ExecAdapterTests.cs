using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Exec;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Windows;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Sources.Exec;

/// <summary>What a command prints, and the exact observations that come of it.</summary>
public class ExecAdapterTests
{
    private static ExecSourceSettings Settings(ExecOutput output) => new() { Argv = ["/opt/collect", "--all"], Output = output };

    private static PolledPage Read(ExecSourceSettings settings, CounterState? state, double at, string printed)
    {
        var adapter = ExecSource.AdapterOf(settings);
        return adapter.Read(state ?? new CounterState(adapter.Origin, At(-100)), new FetchedPage(Encoding.UTF8.GetBytes(printed), null, At(at)));
    }

    [Fact]
    public void Json_lines_are_requests_with_the_names_of_a_request_log()
    {
        var read = Read(Settings(ExecOutput.Json), null, 0, """
            {"timestamp":"2026-09-21T14:13:21Z","duration_ms":1500,"ttft_ms":120,"status":"success","prompt_tokens":7,"completion_tokens":9,"model":"m","task":"t","variant":"b"}
            {"timestamp":1790000002,"status":"length","model":"m"}
            {"timestamp":1790000003,"duration_ms":-1,"model":"m"}

            {"timestamp":1790000004,"duration_ms":20,"status":"failed","model":"m"}
            """);

        Assert.Equal(
            [
                new RequestObservation(new SeriesId("m", "t", "b"), new DateTimeOffset(2026, 9, 21, 14, 13, 21, TimeSpan.Zero), 1.5, 0.12, 7, 9, RequestOutcome.Success, false),
                new RequestObservation(new SeriesId("m", "default"), At(2), null, null, 0, 0, RequestOutcome.LengthLimited, false),
                new RequestObservation(new SeriesId("m", "default"), At(4), 0.02, null, 0, 0, RequestOutcome.Error, false),
            ],
            read.Requests);
        Assert.Equal((1, null), (read.SamplesSkipped, read.Error));
    }

    [Fact]
    public void The_last_cursor_of_a_run_is_part_of_its_checkpoint()
    {
        var settings = Settings(ExecOutput.Json);
        var read = Read(settings, null, 0, "{\"cursor\":\"a\"}\n{\"timestamp\":1790000001,\"model\":\"m\"}\n{ \"cursor\" : \"b\\u0031\" }\n");
        var again = CounterState.Load(read.State.ToCheckpoint(), ExecSource.AdapterOf(settings).Origin, At(-100), false, At(1));

        Assert.Single(read.Requests);
        Assert.Equal(0, read.SamplesSkipped);
        Assert.Equal("b1", again.Cursor);
        Assert.Null(CounterState.Load(read.State.ToCheckpoint(), ExecSource.AdapterOf(settings with { Argv = ["/opt/other"] }).Origin, At(-100), false, At(1)).Cursor);
    }

    [Fact]
    public void A_run_that_prints_no_cursor_leaves_it_where_it_was()
    {
        var settings = Settings(ExecOutput.Json);
        var first = Read(settings, null, 0, "{\"cursor\":\"a\"}");

        Assert.Equal("a", Read(settings, first.State, 10, "{\"timestamp\":1790000001,\"model\":\"m\"}").State.Cursor);
    }

    [Fact]
    public void A_line_beyond_a_mebibyte_is_skipped_and_the_others_count()
    {
        var read = Read(Settings(ExecOutput.Json), null, 0, "{\"timestamp\":1790000001,\"model\":\"m\",\"x\":\"" + new string('x', 1 << 20) + "\"}\n{\"timestamp\":1790000002,\"model\":\"m\"}");

        Assert.Equal(At(2), Assert.Single(read.Requests).CompletedAt);
        Assert.Equal(1, read.SamplesSkipped);
    }

    [Theory]
    [InlineData("{\"cursor\":\"a\",\"model\":\"m\",\"timestamp\":1790000001}")]
    [InlineData("{\"timestamp\":1790000001,\"model\":\"m\",\"cursor\":\"a\"}")]
    public void A_request_with_a_field_cursor_is_a_request(string line)
    {
        var read = Read(Settings(ExecOutput.Json), null, 0, line);

        Assert.Single(read.Requests);
        Assert.Null(read.State.Cursor);
    }

    [Theory]
    [InlineData("x", ExecLinesAdapter.MaxCursor + 1)]
    [InlineData("\\u0000", 2)]
    public void A_cursor_that_cannot_be_handed_back_spoils_its_run(string character, int length)
    {
        var cursor = string.Concat(Enumerable.Repeat(character, length));
        var read = Read(Settings(ExecOutput.Json), null, 0, $"{{\"timestamp\":1790000001,\"model\":\"m\"}}\n{{\"cursor\":\"{cursor}\"}}");

        Assert.Empty(read.Requests);
        Assert.Null(read.State.Cursor);
        Assert.Equal(ErrorClass.WrongContent, read.Error);
        Assert.Contains($"{length} characters", read.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public void Output_of_which_no_line_can_be_read_is_wrong_content()
    {
        var read = Read(Settings(ExecOutput.Json), null, 0, "hello\nworld\n");

        Assert.Equal((ErrorClass.WrongContent, 2), (read.Error, read.SamplesSkipped));
        Assert.Contains("/opt/collect: no line that it printed could be read (2 not_json)", read.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public void Line_protocol_is_counters_since_the_server_started_and_gauges()
    {
        var settings = Settings(ExecOutput.LineProtocol);
        var first = Read(settings, null, 0, "llm,model=m,task=t,worker=1 requests=100i,errors=1i,output_tokens=500i,running=2i,kv_cache_percent=40.5 1\nllm,model=m,task=t,worker=2 requests=10i,running=1i\n");
        var second = Read(settings, first.State, 10, "llm,model=m,task=t,worker=1 requests=104i,errors=2i,length_limited=1i,output_tokens=560i,running=0i,kv_cache_percent=20\nllm,model=m,task=t,worker=2 requests=13u,running=1i,load=3\n");

        Assert.All(first.Deltas, delta => Assert.True(delta.Totals.IsEmpty));
        var gauges = Assert.Single(first.Gauges);
        Assert.Equal(new ModelGauges(new SeriesId("m", "t"), At(0)) { Running = 3, KvCachePercent = 40.5 }, gauges);
        var delta = Assert.Single(second.Deltas);
        Assert.Equal((new SeriesId("m", "t"), At(0), At(10)), (delta.Series, delta.From, delta.To));

        // length_limited is new beside counters that were watched: all of it came since.
        Assert.Equal((7, 1, 1, 60), (delta.Totals.Requests, delta.Totals.Errors, delta.Totals.LengthLimited, delta.Totals.OutputTokens));
        Assert.Equal(0, second.SamplesSkipped);
    }

    [Fact]
    public void A_server_that_began_again_is_counted_from_zero_and_tells_a_restart()
    {
        var settings = Settings(ExecOutput.LineProtocol) with { Model = "m" };
        var first = Read(settings, null, 0, "llm requests=100i,uptime_s=5000\n");
        var second = Read(settings, first.State, 10, "llm requests=120i,uptime_s=4\n");
        var third = Read(settings, second.State, 20, "llm requests=3i,uptime_s=2\n");

        Assert.Equal((120, 1), (second.Deltas.Sum(d => d.Totals.Requests), second.Restarts));
        Assert.Equal(At(6), second.Deltas.Single(d => d.Totals.Requests > 0).From);
        Assert.Equal((3, 1), (third.Deltas.Sum(d => d.Totals.Requests), third.Restarts));
    }

    [Fact]
    public void Of_one_counter_printed_twice_the_last_value_stands()
    {
        var settings = Settings(ExecOutput.LineProtocol) with { Model = "m" };
        var first = Read(settings, null, 0, "llm requests=5i\n");
        var second = Read(settings, first.State, 10, "llm requests=6i\nllm requests=9i\n");

        Assert.Equal(4, second.Deltas.Sum(delta => delta.Totals.Requests));
    }

    [Fact]
    public void A_counter_whose_line_may_have_been_damaged_before_does_not_count_whole()
    {
        var settings = Settings(ExecOutput.LineProtocol) with { Model = "m" };
        var damaged = Read(settings, null, 0, "llm,worker=1 requests=5i\nllm,worker=2 requests=\n");
        var whole = Read(settings, null, 0, "llm,worker=1 requests=5i\n");
        const string Then = "llm,worker=1 requests=5i\nllm,worker=2 requests=400i\n";

        Assert.Equal(0, Read(settings, damaged.State, 10, Then).Deltas.Sum(delta => delta.Totals.Requests));
        Assert.Equal(400, Read(settings, whole.State, 10, Then).Deltas.Sum(delta => delta.Totals.Requests));
    }

    [Fact]
    public void A_percentage_beyond_a_hundred_is_no_gauge()
    {
        var read = Read(Settings(ExecOutput.LineProtocol), null, 0, "llm,model=m,worker=1 running=1i,kv_cache_percent=140\nllm,model=m,worker=2 kv_cache_percent=60,gpu_util_percent=101\n");

        Assert.Equal(new ModelGauges(new SeriesId("m", "default"), At(0)) { Running = 1, KvCachePercent = 60 }, Assert.Single(read.Gauges));
    }

    [Fact]
    public void A_value_out_of_range_is_skipped_and_named()
    {
        var read = Read(Settings(ExecOutput.LineProtocol), null, 0, "llm,model=m requests=1i,kv_cache_percent=150,gpu_util_percent=300,running=2i\n");

        Assert.Equal(new ModelGauges(new SeriesId("m", "default"), At(0)) { Running = 2 }, Assert.Single(read.Gauges));
        Assert.Equal((2, "kv_cache_percent = 150"), (read.SamplesSkipped, read.SkippedWhy));
    }

    [Fact]
    public void Points_that_cannot_be_used_are_skipped_and_counted()
    {
        var settings = Settings(ExecOutput.LineProtocol);
        var read = Read(settings, null, 0, "llm requests=1i\nllm,model=m requests=\"many\",errors=0i\nllm,model=m\n");
        var nothing = Read(settings, null, 0, "cpu,model=m usage=4\n");

        Assert.Equal(3, read.SamplesSkipped);
        Assert.Null(read.Error);
        Assert.Equal(ErrorClass.WrongContent, nothing.Error);
        Assert.Contains("one of the fields requests, errors, length_limited, input_tokens, output_tokens, running", nothing.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_is_read_by_the_users_map_or_by_the_engine_that_is_recognised()
    {
        var mapped = Settings(ExecOutput.Prometheus) with { Model = "m", Families = new Dictionary<string, string> { ["requests"] = "chats_total" } };
        var first = Read(mapped, null, 0, "chats_total 5\n");
        var second = Read(mapped, first.State, 10, "chats_total 9\n");
        var recognised = Read(Settings(ExecOutput.Prometheus), null, 0, "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name=\"q\"} 2\n");
        var other = Read(Settings(ExecOutput.Prometheus), null, 0, "# TYPE go_goroutines gauge\ngo_goroutines 3\n");

        Assert.Equal(4, second.Deltas.Sum(d => d.Totals.Requests));
        Assert.Equal(("q", 2L), (Assert.Single(recognised.Gauges).Series.Model, recognised.Gauges[0].Running));
        Assert.StartsWith("exec:///collect: the page is of no engine", other.ErrorText, StringComparison.Ordinal);
    }
}
