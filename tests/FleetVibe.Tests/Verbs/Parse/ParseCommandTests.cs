using System.IO.Compression;
using System.Text;
using System.Text.Json;
using FleetVibe.Verbs;
using FleetVibe.Verbs.Parse;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Tests.Verbs.Parse;

public sealed class ParseCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fleetvibe-test-").FullName;
    private readonly StringWriter _output = new();

    public void Dispose()
    {
        _output.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Json_is_one_line_for_each_file_in_order_with_the_argument_verbatim()
    {
        var page = Write("page.prom", "# TYPE up gauge\nup{a=\"b\"} 1 1500\ndown NaN\n  bad\n");

        Assert.Equal(ExitCodes.Ok, await RunAsync(["-", page, page], new ParseOptions(null, Strict: false, Json: true), input: "m,t=a i=1i,f=2.5,s=\"x\",b=t,u=3u 7\nbad\n"));
        var lines = _output.ToString().TrimEnd('\n').Split('\n');
        Assert.Equal(
            """{"file":"-","ok":true,"error":null,"points":[{"measurement":"m","tags":{"t":"a"},"fields":{"i":1,"f":2.5,"s":"x","b":true,"u":3},"timestamp":7}],"skipped":[{"line":2,"column":4,"reason":"expected tag","text":"bad"}],"format":"line_protocol","notes":[]}""",
            lines[0]);
        Assert.Equal(
            $$"""{"file":{{JsonSerializer.Serialize(page)}},"ok":true,"error":null,"families":[{"name":"up","type":"gauge","samples":[{"name":"up","labels":{"a":"b"},"value":1,"timestamp":1.5}]},{"name":"down","type":"unknown","samples":[{"name":"down","labels":{},"value":"NaN","timestamp":null}]}],"skipped":[{"line":4,"column":6,"reason":"missing value","text":"  bad"}],"format":"prometheus","looks_like":{"kind":null,"text":"no server whose figures FleetVibe takes","maps_to":[],"unusable":0},"notes":[]}""",
            lines[1]);
        Assert.Equal(lines[1], lines[2]);
        Assert.Equal(3, lines.Length);
    }

    [Fact]
    public async Task A_file_that_fails_is_exit_code_1_only_in_strict_mode()
    {
        var good = Write("good", "up 1\n");
        var bad = Write("bad", "up 1\nup{a=\"b\",a=\"c\"} 1\n");

        Assert.Equal(ExitCodes.Ok, await RunAsync([bad, good], new ParseOptions(null, Strict: false, Json: true)));
        Assert.Equal(ExitCodes.Ok, await RunAsync([good], new ParseOptions(null, Strict: true, Json: true)));
        Assert.Equal(ExitCodes.VerdictFailed, await RunAsync([bad, good], new ParseOptions(null, Strict: true, Json: true)));
        var failed = _output.ToString().TrimEnd('\n').Split('\n')[^2];
        Assert.Contains("\"ok\":false,\"error\":\"line 2: label a twice\",\"families\":[{\"name\":\"up\"", failed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_named_and_does_not_stop_the_others()
    {
        var good = Write("good", "up 1\n");

        Assert.Equal(ExitCodes.VerdictFailed, await RunAsync([Path.Combine(_folder, "none"), good], new ParseOptions(null, Strict: false, Json: true)));
        var lines = _output.ToString().TrimEnd('\n').Split('\n');
        Assert.Contains("\"ok\":false,\"error\":\"there is no such file: check the path\",\"families\":[],\"skipped\":[]", lines[0], StringComparison.Ordinal);
        Assert.Contains("\"ok\":true", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_read_says_what_it_is()
    {
        var html = Write("log-in", "\n<!DOCTYPE html><html><body>please log in</body></html>\n");
        var damaged = Path.Combine(_folder, "damaged.gz");
        await File.WriteAllBytesAsync(damaged, [.. Packed("up 1\n")[..10], 0xff, 0xff, 0xff]);

        Assert.Equal(ExitCodes.VerdictFailed, await RunAsync([html, damaged, _folder], new ParseOptions(null, Strict: false, Json: true)));
        var lines = _output.ToString().TrimEnd('\n').Split('\n');
        Assert.Contains("\"error\":\"it is an HTML page: metrics stand at another path, often /metrics", lines[0], StringComparison.Ordinal);
        Assert.Contains("\"error\":\"it is compressed with gzip, and damaged: gzip -t FILE says more\"", lines[1], StringComparison.Ordinal);
        Assert.Contains("\"error\":\"it is a directory: name the files in it\"", lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_compressed_file_is_unpacked()
    {
        var packed = Path.Combine(_folder, "page.gz");
        await File.WriteAllBytesAsync(packed, Packed("up 1\n"));

        Assert.Equal(ExitCodes.Ok, await RunAsync([packed], new ParseOptions(null, Strict: false, Json: true)));
        Assert.Contains("\"families\":[{\"name\":\"up\"", _output.ToString(), StringComparison.Ordinal);
    }

    private static byte[] Packed(string text)
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return bytes.ToArray();
    }

    [Fact]
    public async Task A_person_sees_what_is_read_what_it_maps_to_and_what_is_skipped()
    {
        var page = Write("vllm.prom", """
            # TYPE vllm:num_requests_running gauge
            vllm:num_requests_running{engine="0",model_name="m"} 3
            # TYPE vllm:prompt_tokens_total counter
            vllm:prompt_tokens_total{engine="0",model_name="m"} 40
            vllm:prompt_tokens_total{engine="0" 41
            half_a_numbe
            """);

        Assert.Equal(ExitCodes.Ok, await RunAsync([page], new ParseOptions(null, Strict: false, Json: false)));
        Assert.Equal(
            $$"""
            {{page}}: prometheus, 2 families, 2 samples, 2 lines skipped
              vllm:num_requests_running (gauge)
                vllm:num_requests_running{engine="0", model_name="m"} = 3
              vllm:prompt_tokens_total (counter)
                vllm:prompt_tokens_total{engine="0", model_name="m"} = 40
              looks like vLLM: its families begin with vllm:; vllm:num_requests_running gives running, vllm:prompt_tokens gives input_tokens (kind = "vllm")
                m
                  input_tokens = 40
                  running = 3
                2 values of it cannot be used
              skipped 5:37: bad labels: vllm:prompt_tokens_total{engine="0" 41
              skipped 6:13: missing value: half_a_numbe
              note: the last line has no newline: an agent leaves it out, because it may be half a number

            """,
            _output.ToString());
    }

    [Fact]
    public async Task A_log_shows_its_requests_and_why_a_line_brings_none()
    {
        var log = Write("requests.jsonl", "{\"timestamp\":\"2026-11-24T08:00:00Z\",\"duration_ms\":1500,\"prompt_tokens\":2,\"completion_tokens\":3,\"model\":\"m\"}\n{\"timestamp\":0}\n\n{\"timestamp\":1764000000}\n");

        Assert.Equal(ExitCodes.Ok, await RunAsync([log], new ParseOptions(null, Strict: false, Json: false)));
        Assert.Equal(
            $$"""
            {{log}}: json_log, 2 requests, 1 line skipped
              line 1: 2026-11-24T08:00:00.000Z m, default: Success, duration 1.5 s, ttft none, 2 + 3 tokens
              line 4: 2025-11-24T16:00:00.000Z (model of the source), default: Success, duration none, ttft none, 0 + 0 tokens
              skipped 2: bad_timestamp: no `timestamp`, or in none of the known forms: 2025-11-24T06:00:04.123Z with any fraction and offset, 2025-11-24 06:00:04,123, 2025/11/24 - 06:00:04, 24/Nov/2025:06:00:04 +0000, unix time in s, ms, us or ns; of the years 1970 to 2099: {"timestamp":0}
              note: 1 lines name no model: set model in the source

            """,
            _output.ToString());
    }

    [Fact]
    public async Task A_containers_log_shows_what_its_lines_are()
    {
        var log = Write("0.log", "2025-11-24T06:00:00Z stderr F INFO: ready\n2025-11-24T06:00:01Z stdout P INFO: 10.0.0.1:1 - \"POST /gen\n2025-11-24T06:00:02Z stdout F erate HTTP/1.1\" 503 Busy\n");

        Assert.Equal(ExitCodes.Ok, await RunAsync([log], new ParseOptions(null, Strict: true, Json: false)));
        Assert.Equal(
            $$"""
            {{log}}: json_log, 1 request, 0 lines skipped
              line 3: 2025-11-24T06:00:02.000Z (model of the source), default: Error, duration none, ttft none, 0 + 0 tokens
              note: its lines are those of uvicorn's access lines: set format = "uvicorn" in the source
              note: 3 lines are in the envelope of a container runtime, which was taken off
              note: 1 lines are no requests by their format; none of them is an access line of a POST
              note: 1 lines name no model: set model in the source

            """,
            _output.ToString());
    }

    [Fact]
    public async Task Statistics_are_shown_as_gauges()
    {
        var log = Write("vllm.log", "INFO 11-24 06:00:04 [loggers.py:118] Engine 000: Avg prompt throughput: 1.0 tokens/s, Running: 4 reqs, Waiting: 2 reqs, GPU KV cache usage: 12.5%\n");

        Assert.Equal(ExitCodes.Ok, await RunAsync([log], new ParseOptions(null, Strict: true, Json: false, LogFormat: "vllm_stats")));
        Assert.Contains("json_log, 1 line of statistics, 0 lines skipped", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("(model of the source): running 4, waiting 2, KV cache 12.5 %", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Ok, await RunAsync([log], new ParseOptions(null, Strict: true, Json: true)));
        Assert.Contains("\"running\":4,\"waiting\":2,\"kv_cache_percent\":12.5}],\"log_format\":\"vllm_stats\"", _output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "prometheus")]
    [InlineData("# nothing but words\n", "prometheus")]
    [InlineData("up 1\n", "prometheus")]
    [InlineData("{\"q.name\",a=\"b\"} 1\n", "prometheus")]
    [InlineData("\"# TYPE up gauge\\nup 1\\n\"", "prometheus")]
    [InlineData("# TYPE cpu gauge\ncpu value=1\n", "prometheus")]
    [InlineData("up 1\n# EOF\n", "openmetrics")]
    [InlineData("# TYPE i info\ni_info 1\n", "openmetrics")]
    [InlineData("cpu,host=a value=1\n", "line_protocol")]
    [InlineData("cpu value=1 1700000000000000000\ncpu value=2\n", "line_protocol")]
    [InlineData("{\"timestamp\":1}\n", "json_log")]
    [InlineData("\0\0\0{\"timestamp\":1}\n", "json_log")]
    [InlineData("{\"requests\": 1}\n", "json_log")]
    [InlineData("INFO: ready\nINFO:     10.0.0.1:1 - \"POST / HTTP/1.1\" 200 OK\n", "json_log")]
    [InlineData("INFO:     10.0.0.1:1 - \"GET /health HTTP/1.1\" 200 OK\n", "json_log")]
    [InlineData("2025-11-24T06:00:00Z stdout F ready\n", "json_log")]
    [InlineData("2025-11-24T06:00:00Z stdout F {\"timestamp\":1763964000,\"model\":\"m\"}\n", "json_log")]
    [InlineData("uuid, index, name\nGPU-1, 0, a\n", "nvidia_smi")]
    [InlineData("<html></html>\n", null)]
    [InlineData("[1, 2]\n", null)]
    [InlineData("INFO: started\n", null)]
    public void A_format_is_told_from_the_body(string body, string? format) =>
        Assert.Equal(format, InputFormats.Detect(Encoding.UTF8.GetBytes(body), null) is { } found ? InputFormats.Word(found) : null);

    [Fact]
    public void A_summary_and_a_GPU_table_are_shown_as_an_agent_takes_them()
    {
        var summary = InputReading.Read("x", "{\n \"requests\": 7,\n \"input_tokens\": 5}\n"u8.ToArray(), null, null, strict: true, DateTimeOffset.UnixEpoch);
        Assert.Equal("vibethinker", summary.Look?.Kind);
        Assert.Null(summary.Error);
        Assert.Contains(summary.Look!.Values, v => v is { Name: "requests", Value: "7" });

        var table = InputReading.Read("x", "uuid, index, memory.used [MiB], name\nGPU-1, 0, 2, a\nlost\n"u8.ToArray(), null, null, strict: false, DateTimeOffset.UnixEpoch);
        Assert.Equal(2 << 20, Assert.Single(table.Gpus!.Gpus).MemoryUsedBytes);
        Assert.Equal((3, "lost"), (Assert.Single(table.Skipped).Line, table.Skipped[0].Text));
    }

    [Fact]
    public async Task An_address_is_fetched_with_the_token()
    {
        var token = Write("token", "secret\n");
        await using var server = await StartServerAsync();

        Assert.Equal(ExitCodes.Ok, await RunAsync([server.Urls.First() + "/metrics"], new ParseOptions(null, Strict: true, Json: false, token)));
        Assert.Contains("openmetrics, 1 family, 1 sample", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal(ExitCodes.VerdictFailed, await RunAsync([server.Urls.First() + "/metrics"], new ParseOptions(null, Strict: false, Json: false)));
        Assert.DoesNotContain("secret", _output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("parse", "-", "--format", "json_log", "--strict", "--json")]
    [InlineData("parse", "a", "--log-format", "Uvicorn")]
    [InlineData("parse", "a", "b", "--format", "AUTO", "--token-file", "t")]
    public void The_command_line_is_understood(params string[] arguments) => Assert.Empty(CommandLine.Create().Parse(arguments).Errors);

    [Theory]
    [InlineData("parse")]
    [InlineData("parse", "a", "--format", "xml")]
    [InlineData("parse", "a", "--log-format", "apache")]
    public void A_wrong_command_line_is_refused(params string[] arguments) => Assert.NotEmpty(CommandLine.Create().Parse(arguments).Errors);

    private static async Task<WebApplication> StartServerAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var server = builder.Build();
        server.Urls.Add("http://127.0.0.1:0");
        server.MapGet("/metrics", (HttpRequest request) => request.Headers.Authorization == "Bearer secret"
            ? Results.Text("up 1\n# EOF\n", "application/openmetrics-text; version=1.0.0; charset=utf-8")
            : Results.Unauthorized());
        await server.StartAsync();
        return server;
    }

    private Task<int> RunAsync(IEnumerable<string> files, ParseOptions options, string input = "") =>
        ParseCommand.RunAsync(files, options, () => new MemoryStream(Encoding.UTF8.GetBytes(input)), _output, TimeProvider.System, CancellationToken.None);

    private string Write(string name, string text)
    {
        var file = Path.Combine(_folder, name);
        File.WriteAllText(file, text);
        return file;
    }
}
