using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog;
using FleetVibe.Agent.Sources.JsonLog.Formats;
using FleetVibe.Agent.Sources.Reading;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Tests.Sources.JsonLog.Formats;

/// <summary>For each format a log as its server writes it, and beside it exactly what is taken from it.</summary>
public sealed class LogFormatTests
{
    private static readonly DateTimeOffset Now = new(2025, 11, 24, 7, 0, 0, TimeSpan.Zero);
    private static readonly SeriesId M = new("m", "default");

    [Fact]
    public void Nginx_counts_posts_with_the_time_of_all_its_work()
    {
        var look = Read("nginx_json", """
            {"time_iso8601":"2025-11-24T06:00:02+00:00","msec":"1763964002.123","request_method":"POST","request_uri":"/v1/chat/completions","status":"200","request_time":"75.010","upstream_response_time":"75.008","prompt_tokens":"212","completion_tokens":"9166"}
            {"time_iso8601":"2025-11-24T06:00:03+00:00","msec":"1763964003.000","request_method":"POST","request_uri":"/v1/chat/completions?stream=1","status":"502","request_time":"0.001","upstream_response_time":"0.001, 0.000","prompt_tokens":"","completion_tokens":"-"}
            {"time_iso8601":"2025-11-24T06:00:04+00:00","msec":"1763964004.000","request_method":"POST","request_uri":"/v1/chat/completions","status":499,"request_time":60.0,"upstream_response_time":"-"}
            {"time_iso8601":"2025-11-24T06:00:05+00:00","msec":"1763964005.000","request_method":"GET","request_uri":"/metrics","status":200,"request_time":0.000}
            {"time_iso8601":"2025-11-24T06:00:06+00:00","msec":"1763964006.000","request_method":"","request_uri":"","status":400,"request_time":0.002}
            {"time_local":"24/Nov/2025:07:00:07 +0100","request":"POST /v1/completions HTTP/1.1","status":200,"request_time":1.5}
            {"msec":"1763964008.000","request_method":"POST","request_uri":"/v1/completions","status":200,"request_time":"fast"}
            """);
        Assert.Equal(
            [
                (1, new RequestObservation(M, At(2.123), 75.010, null, 212, 9166, RequestOutcome.Success, false)),
                (2, new RequestObservation(M, At(3), 0.001, null, 0, 0, RequestOutcome.Error, false)),
                (3, new RequestObservation(M, At(4), 60, null, 0, 0, RequestOutcome.Error, false)),
                (6, new RequestObservation(M, At(7), 1.5, null, 0, 0, RequestOutcome.Success, false)),
            ],
            look.Requests.Select(r => (r.Line, r.Request)));
        Assert.Equal((2, "7: bad_duration"), (look.Others, Skipped(look)));
    }

    [Fact]
    public void Nginx_counts_only_the_paths_that_are_wanted()
    {
        var settings = new JsonLogSourceSettings { Path = "", Format = "nginx_json", Model = "m", OnlyPaths = ["/v1/chat/*"] };
        var look = RequestLogReading.Read(
            """
            {"msec":1763964001,"method":"POST","uri":"/v1/chat/completions","status":200}
            {"msec":1763964002,"method":"POST","uri":"/tokenize","status":200}
            {"msec":1763964003,"request":"POST /v1/chat/completions?x HTTP/1.1","status":200}
            """u8,
            settings, Now);
        Assert.Equal([1, 3], look.Requests.Select(r => r.Line));
        Assert.Equal(1, look.Others);
    }

    [Fact]
    public void Uvicorn_counts_posts_by_their_status_without_a_latency()
    {
        var look = Read("uvicorn", """
            INFO:     Started server process [29018]
            INFO:     127.0.0.1:58312 - "POST /v1/chat/completions HTTP/1.1" 200 OK
            INFO:     127.0.0.1:58324 - "POST /generate HTTP/1.1" 500 Internal Server Error
            ERROR:    Exception in ASGI application
            Traceback (most recent call last):
              File "app.py", line 1, in generate
            INFO:     127.0.0.1:58326 - "GET /health HTTP/1.1" 200 OK
            2025-11-24 06:00:04,123 INFO:     127.0.0.1:58330 - "POST /generate HTTP/1.1" 200 OK
            [2025-11-24T06:00:05Z] INFO: 127.0.0.1:58330 - "POST /generate HTTP/2" 422
            """ + "\n\u001b[32mINFO\u001b[0m:     127.0.0.1:58312 - \"\u001b[1mPOST /generate HTTP/1.1\u001b[0m\" \u001b[32m200 OK\u001b[0m");
        Assert.Equal(
            [
                (2, new RequestObservation(M, Now, null, null, 0, 0, RequestOutcome.Success, false)),
                (3, new RequestObservation(M, Now, null, null, 0, 0, RequestOutcome.Error, false)),
                (8, new RequestObservation(M, At(4.123), null, null, 0, 0, RequestOutcome.Success, false)),
                (9, new RequestObservation(M, At(5), null, null, 0, 0, RequestOutcome.Error, false)),
                (10, new RequestObservation(M, Now, null, null, 0, 0, RequestOutcome.Success, false)),
            ],
            look.Requests.Select(r => (r.Line, r.Request)));
        Assert.Equal((5, ""), (look.Others, Skipped(look)));
    }

    [Fact]
    public void LiteLLM_counts_payloads_from_start_to_end_and_never_trusts_response_time()
    {
        var look = Read("litellm", """
            {"id":"a","call_type":"acompletion","status":"success","prompt_tokens":12,"completion_tokens":300,"startTime":1763964000.0,"endTime":1763964004.5,"completionStartTime":1763964000.25,"response_time":0.25,"model":"hosted_vllm/vibe","model_group":"vibe","messages":"hidden"}
            {"id":"b","status":"success","prompt_tokens":1,"completion_tokens":2,"startTime":"2025-11-24 06:00:05","endTime":"2025-11-24T06:00:06.5Z","completionStartTime":"2025-11-24T06:00:06.5Z","model":"m","model_group":""}
            {"id":"c","status":"failure","prompt_tokens":5,"completion_tokens":0,"startTime":1763964007.0,"endTime":1763964007.5,"completionStartTime":null,"model":"m","model_group":null,"error_str":"x"}
            {"message":"POST /chat/completions 200","level":"INFO","timestamp":"2025-11-24T06:00:08"}
            {"id":"d","status":"success","startTime":1763964009.0,"endTime":1763964008.0,"model":"m"}
            """);
        Assert.Equal(
            [
                (1, new RequestObservation(new SeriesId("vibe", "default"), At(4.5), 4.5, 0.25, 12, 300, RequestOutcome.Success, false)),
                (2, new RequestObservation(M, At(6.5), 1.5, null, 1, 2, RequestOutcome.Success, false)),
                (3, new RequestObservation(M, At(7.5), 0.5, null, 5, 0, RequestOutcome.Error, false)),
            ],
            look.Requests.Select(r => (r.Line, r.Request)));
        Assert.Equal((1, "5: bad_duration"), (look.Others, Skipped(look)));
    }

    [Fact]
    public void TGI_counts_finished_requests_and_those_that_failed()
    {
        var look = Read("tgi", """
            {"timestamp":"2025-11-24T06:00:00.5Z","level":"INFO","message":"Warming up model","target":"text_generation_router"}
            {"timestamp":"2025-11-24T06:00:01.345678Z","level":"INFO","message":"Success","target":"text_generation_router::server","span":{"inference_time":"74.21s","queue_time":"49.382µs","time_per_token":"8.041ms","total_time":"74.215s","validation_time":"1.96844ms","name":"generate"},"spans":[{"name":"generate"}]}
            {"timestamp":"2025-11-24T06:00:02Z","level":"ERROR","message":"Model is overloaded","span":{"name":"generate_stream"},"spans":[{"name":"generate"}]}
            {"timestamp":"2025-11-24T06:00:03Z","level":"ERROR","message":"Input validation error: `inputs` must have less than 4096 tokens","span":{"name":"generate_stream"}}
            {"timestamp":"2025-11-24T06:00:04Z","level":"ERROR","message":"Server error: transport error","span":{"name":"health"}}
            {"timestamp":"2025-11-24T06:00:05Z","level":"INFO","message":"Success","span":{"total_time":"357.867572ms","name":"generate_stream"}}
            """);
        Assert.Equal(
            [
                (2, new RequestObservation(M, At(1.345678), 74.215, null, 0, 0, RequestOutcome.Success, false)),
                (3, new RequestObservation(M, At(2), null, null, 0, 0, RequestOutcome.Error, false)),
                (4, new RequestObservation(M, At(3), null, null, 0, 0, RequestOutcome.Error, false)),
                (6, new RequestObservation(M, At(5), 0.357867572, null, 0, 0, RequestOutcome.Success, false)),
            ],
            look.Requests.Select(r => (r.Line, r.Request)));
        Assert.Equal((2, ""), (look.Others, Skipped(look)));
    }

    [Fact]
    public void Engines_of_one_number_in_two_files_are_two()
    {
        var format = LogFormats.CreateReader(new JsonLogSourceSettings { Path = "", Format = "vllm_stats", Model = "m" });
        long? Running(ulong file, int requests) => format.Read(
            Encoding.UTF8.GetBytes($"INFO 11-24 06:00:04 [l.py:1] Engine 000: Avg prompt throughput: 1 tokens/s, Running: {requests} reqs, Waiting: 0 reqs"),
            new LineContext(null, Now, file)).Gauges?.Running;

        Assert.Equal([4, 5, 3], new[] { Running(1, 4), Running(2, 1), Running(1, 2) });
    }

    [Fact]
    public void Statistics_of_vLLM_are_gauges_of_all_its_engines()
    {
        var look = Read("vllm_stats", """
            INFO 11-24 06:00:00 [api_server.py:100] Started engine
            INFO 11-24 06:00:04 [loggers.py:118] Engine 000: Avg prompt throughput: 12.3 tokens/s, Avg generation throughput: 345.6 tokens/s, Running: 4 reqs, Waiting: 2 reqs, GPU KV cache usage: 12.5%, Prefix cache hit rate: 45.6%
            (APIServer pid=1) INFO 11-24 06:00:05 [loggers.py:118] Engine 001: Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 1.0 tokens/s, Running: 1 reqs, Waiting: 0 reqs, GPU KV cache usage: 37.5%, Prefix cache hit rate: 0.0%
            INFO 11-24 06:01:04 [loggers.py:118] Engine 000: Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 1.0 tokens/s, Running: 0 reqs, Waiting: 0 reqs, GPU KV cache usage: 0.0%, Prefix cache hit rate: 0.0%
            INFO 11-24 06:01:14 metrics.py:345] Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 1.0 tokens/s, Running: 3 reqs, Swapped: 0 reqs, Pending: 7 reqs, GPU KV cache usage: 5.0%, CPU KV cache usage: 99.0%.
            INFO 11-24 06:01:15 [async_llm.py:1] Received request x: prompt: 'Running: '
            """);
        Assert.Empty(look.Requests);
        Assert.Equal(
            [
                (2, new ModelGauges(M, At(4)) { Running = 4, Waiting = 2, KvCachePercent = 12.5 }),
                (3, new ModelGauges(M, At(5)) { Running = 5, Waiting = 2, KvCachePercent = 25 }),
                (4, new ModelGauges(M, At(64)) { Running = 0, Waiting = 0, KvCachePercent = 0 }),
                (5, new ModelGauges(M, At(74)) { Running = 3, Waiting = 7, KvCachePercent = 5 }),
            ],
            look.Gauges.Select(g => (g.Line, g.Gauges)));
        Assert.Equal(2, look.Others);
    }

    [Theory]
    [InlineData("uvicorn", "INFO: 10.0.0.1:1 - \"POST /generate HTTP/1.1\" 200 OK")]
    [InlineData("tgi", """{"timestamp":"2025-11-24T06:00:05Z","message":"Success","span":{"total_time":"1s"}}""")]
    [InlineData("vllm_stats", "INFO 11-24 06:00:04 [l.py:1] Engine 000: Avg prompt throughput: 1 tokens/s, Running: 4 reqs, Waiting: 2 reqs")]
    public void Where_no_line_names_the_model_the_source_must(string format, string line)
    {
        var read = LogFormats.CreateReader(new JsonLogSourceSettings { Path = "", Format = format }).Read(Encoding.UTF8.GetBytes(line), new LineContext(null, Now, 0));
        Assert.Equal((LineVerdict.Skipped, SkipReason.ModelMissing), (read.Verdict, read.Reason));
        Assert.False(LogFormats.Of(format).NamesModel);
    }

    [Theory]
    [InlineData("uvicorn", "INFO: 10.0.0.1:1 - \"POST /generate HTTP/1.1\" 200 OK\n")]
    [InlineData("uvicorn", "INFO: ready\nINFO: 10.0.0.1:1 - \"GET /health HTTP/1.1\" 200 OK\n")]
    [InlineData("tgi", "{\"timestamp\":\"2025-11-24T06:00:05Z\",\"message\":\"Success\",\"span\":{\"total_time\":\"1s\"}}\n")]
    [InlineData("vllm_stats", "INFO 11-24 06:00:04 [l.py:1] Engine 000: Avg prompt throughput: 1 tokens/s, Running: 4 reqs, Waiting: 2 reqs\n")]
    [InlineData("litellm", "{\"startTime\":1763964000.0,\"endTime\":1763964004.5,\"model\":\"m\"}\n")]
    [InlineData("nginx_json", "{\"msec\":\"1763964002.123\",\"request_time\":\"0.1\",\"method\":\"GET\",\"uri\":\"/\"}\n")]
    [InlineData("json", "{\"timestamp\":1763964000,\"model\":\"m\"}\n")]
    public void A_log_is_told_by_its_lines(string format, string text)
    {
        Assert.Equal(format, RequestLogReading.Look(Encoding.UTF8.GetBytes(text), null, Now).Format);
        var inContainer = $"{{\"log\":{System.Text.Json.JsonSerializer.Serialize(text)},\"stream\":\"stdout\",\"time\":\"2025-11-24T06:00:05Z\"}}\n";
        Assert.Equal(format, RequestLogReading.Look(Encoding.UTF8.GetBytes(inContainer), null, Now).Format);
    }

    private static DateTimeOffset At(double seconds) => DateTimeOffset.FromUnixTimeSeconds(1763964000).AddTicks((long)Math.Round(seconds * TimeSpan.TicksPerSecond));

    private static RequestLogLook Read(string format, string text) =>
        RequestLogReading.Read(Encoding.UTF8.GetBytes(text), new JsonLogSourceSettings { Path = "", Format = format, Model = format == "litellm" ? null : "m" }, Now);

    private static string Skipped(RequestLogLook look) => string.Join("; ", look.Skipped.Select(line => $"{line.Line}: {line.Reason.Split(':')[0]}"));
}
