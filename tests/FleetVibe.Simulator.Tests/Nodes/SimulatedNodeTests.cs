using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Simulator.Tests.Nodes;

public sealed class SimulatedNodeTests : NodeFixture
{
    [Fact]
    public async Task Page_log_summary_and_truth_tell_the_same()
    {
        await using var node = await StartAsync(Quiet());
        using var client = new NodeClient(node);
        node.FinishNow(250);

        var truth = Truth.Read(node.TruthPath);
        Assert.Equal(250, truth.Count);
        Assert.Equal(250, node.RequestsFinished);
        var page = await client.GetMetricsAsync();
        Assert.Equal(250, page[EndToEndCount]);
        Assert.Equal(truth.OutputTokens, page.Sum("vllm:generation_tokens_total"));
        using var summary = JsonDocument.Parse(await client.GetTextAsync("/summary"));
        Assert.Equal(250, summary.RootElement.GetProperty("requests").GetInt64());
        Assert.Equal(truth.Errors, summary.RootElement.GetProperty("errors").GetInt64());
        Assert.Equal(truth.InputTokens, summary.RootElement.GetProperty("input_tokens").GetInt64());
        Assert.Equal(truth.OutputTokens, summary.RootElement.GetProperty("output_tokens").GetInt64());
        Assert.Equal(truth.Requests[^1].DurationMs, summary.RootElement.GetProperty("response_time_ms").GetDouble());
        Assert.Equal(JsonValueKind.Number, summary.RootElement.GetProperty("gpu_util_percent").ValueKind);
        Assert.Equal(
            truth.Requests.Select(r => (r.CompletedMs, r.DurationMs, r.Status)),
            LogLines(node).Select(line => (line.GetProperty("timestamp").GetDateTimeOffset().ToUnixTimeMilliseconds(), line.GetProperty("duration_ms").GetDouble(), line.GetProperty("status").GetString()!)));
        Assert.All(truth.Requests, r => Assert.Equal(("node-1", "requests.jsonl", "json_log", "vibethinker-1.5b", "algorithm_reasoning"), (r.Node, r.Target, r.Source, r.Model, r.Task)));
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_truth()
    {
        var first = await RunAsync("a");
        var second = await RunAsync("b");

        Assert.Equal(first.Select(r => r with { Node = "" }), second.Select(r => r with { Node = "" }));

        async Task<IReadOnlyList<FinishedRequest>> RunAsync(string folder)
        {
            await using var node = await StartAsync(Quiet() with { Directory = Path.Combine(Folder, folder) });
            node.FinishNow(30);
            return Truth.Read(node.TruthPath).Requests;
        }
    }

    [Fact]
    public async Task No_page_ever_shows_a_request_that_the_truth_lacks_or_half_of_one()
    {
        await using var node = await StartAsync(Quiet());
        using var client = new NodeClient(node);
        var traffic = Task.Run(() =>
        {
            for (var i = 0; i < 300; i++)
            {
                node.FinishNow(3);
            }
        });
        for (var i = 0; i < 20; i++)
        {
            var page = await client.GetMetricsAsync();
            var logged = LogLines(node).Count;
            var known = Truth.Read(node.TruthPath).Count;
            Assert.True(page[EndToEndCount] <= known, "page ahead of the truth");
            Assert.True(logged <= known, "log ahead of the truth");
            Assert.Equal(page[EndToEndCount], page.Sum("vllm:request_success_total"));
            Assert.Equal(page[EndToEndCount], page.Sum("http_requests_total"));
            Assert.Equal(0, page[EndToEndCount] % 3);
        }

        await traffic;
    }

    [Fact]
    public async Task Traffic_waits_until_every_expected_reader_has_read()
    {
        await using var node = await StartAsync(Quiet() with
        {
            OwnTraffic = true, RequestsPerSecond = 50, ExpectedReaders = ExpectedReaders.Metrics | ExpectedReaders.Summary | ExpectedReaders.GpuTool,
        });
        using var stranger = new NodeClient(node, token: "wrong");
        using var client = new NodeClient(node);

        using (var refused = await stranger.GetAsync("/metrics"))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }

        Assert.Equal(ExpectedReaders.Metrics | ExpectedReaders.Summary | ExpectedReaders.GpuTool, node.MissingReaders);
        node.Fault = NodeFault.Html;
        await client.GetTextAsync("/metrics");
        Assert.True(node.MissingReaders.HasFlag(ExpectedReaders.Metrics));

        node.Fault = NodeFault.None;
        Assert.Equal(0, (await client.GetMetricsAsync())[EndToEndCount]);
        await AdvanceUntilAsync(() => node.MissingReaders == (ExpectedReaders.Summary | ExpectedReaders.GpuTool));
        await client.GetTextAsync("/summary");
        await AdvanceUntilAsync(() => node.MissingReaders == ExpectedReaders.GpuTool);
        Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(0, node.RequestsFinished);

        await File.WriteAllTextAsync(Path.Combine(node.Folder, NvidiaSmiScript.SampledFile), "");
        await AdvanceUntilAsync(() => node.RequestsFinished > 100);
        Assert.True(node.TrafficStarted.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task After_traffic_has_stopped_nothing_more_finishes_and_all_is_told()
    {
        await using var node = await StartAsync(Quiet() with { OwnTraffic = true, RequestsPerSecond = 100, ExpectedReaders = ExpectedReaders.None });
        using var client = new NodeClient(node);
        var begin = Clock.GetUtcNow();
        await AdvanceUntilAsync(() => node.RequestsFinished > 300);
        await node.StopTrafficAsync();
        var end = Clock.GetUtcNow();
        var finished = node.RequestsFinished;
        Clock.Advance(TimeSpan.FromSeconds(1));

        var truth = Truth.Read(node.TruthPath);
        Assert.Equal(finished, truth.Count);
        Assert.Equal(finished, node.RequestsFinished);
        Assert.Equal(finished, (await client.GetMetricsAsync())[EndToEndCount]);
        Assert.Equal(finished, LogLines(node).Count);
        Assert.All(truth.Requests, r => Assert.InRange(r.CompletedMs, begin.ToUnixTimeMilliseconds(), end.ToUnixTimeMilliseconds()));
    }

    [Fact]
    public async Task An_engine_restart_begins_its_counters_anew_and_nothing_else()
    {
        await using var node = await StartAsync(Quiet());
        using var client = new NodeClient(node);
        node.FinishNow(10);
        var before = await client.GetMetricsAsync();
        Clock.Advance(TimeSpan.FromMinutes(1));
        node.RestartEngine();
        node.FinishNow(4);
        var after = await client.GetMetricsAsync();

        Assert.Equal(60, after["process_start_time_seconds"] - before["process_start_time_seconds"], 3);
        Assert.Equal(4, after[EndToEndCount]);
        Assert.Equal(14, node.RequestsFinished);
        Assert.Equal(14, LogLines(node).Count);
        Assert.Equal(14, Truth.Read(node.TruthPath).Count);
    }

    [Fact]
    public async Task A_node_started_again_in_its_folder_keeps_token_and_authority()
    {
        var settings = Quiet() with { Authority = null };
        string token;
        string authority;
        await using (var node = await SimulatedNode.StartAsync(settings, TimeProvider.System))
        {
            (token, authority) = (await File.ReadAllTextAsync(node.TokenFile), await File.ReadAllTextAsync(node.CaFile));
            node.FinishNow(2);
            if (!OperatingSystem.IsWindows())
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(node.TokenFile));
            }
        }

        await using var again = await SimulatedNode.StartAsync(settings, TimeProvider.System);
        using var client = new NodeClient(again);
        Assert.Equal((token, authority), (await File.ReadAllTextAsync(again.TokenFile), await File.ReadAllTextAsync(again.CaFile)));
        Assert.Equal(0, (await client.GetMetricsAsync())[EndToEndCount]);
        Assert.Equal(2, Truth.Read(again.TruthPath).Count);
    }

    [Fact]
    public async Task Nodes_that_share_a_truth_have_it_all_in_one_file()
    {
        using var truth = new TruthWriter(Path.Combine(Folder, "truth.jsonl"));
        await using var first = await StartAsync(Quiet("node-1") with { Truth = truth });
        await using var second = await StartAsync(Quiet("node-2") with { Truth = truth, Latency = LatencyProfile.Slow });
        first.FinishNow(5);
        second.FinishNow(7);

        var read = Truth.Read(truth.Path);
        Assert.Equal([("node-1", 5), ("node-2", 7)], read.Requests.CountBy(r => r.Node).Select(n => (n.Key, n.Value)));
    }

    [Fact]
    public async Task The_tool_shows_what_the_summary_says()
    {
        await using var node = await StartAsync(Quiet());
        using var client = new NodeClient(node);
        var boards = Path.Combine(node.Folder, NvidiaSmiScript.BoardsFile);
        var first = await File.ReadAllTextAsync(boards);
        node.GpuProcesses = [.. node.GpuProcesses, new GpuProcess(99, "/usr/bin/miner", 900)];
        await AdvanceUntilAsync(() => File.ReadAllText(boards) != first && File.ReadAllText(Path.Combine(node.Folder, NvidiaSmiScript.ProcessesFile)).Contains("/usr/bin/miner", StringComparison.Ordinal));

        var rows = (await File.ReadAllLinesAsync(boards)).Select(line => line.Split('\t')).ToList();
        Assert.All(rows, row => Assert.Equal(rows[0].Length, row.Length));
        using var summary = JsonDocument.Parse(await client.GetTextAsync("/summary"));
        Assert.InRange(summary.RootElement.GetProperty("gpu_util_percent").GetInt32(), 0, 3);
    }

    [Theory]
    [InlineData(4.9)]
    [InlineData(double.NaN)]
    public async Task Fewer_than_five_requests_a_second_are_refused(double rate)
    {
        var error = await Assert.ThrowsAsync<ArgumentException>(() => StartAsync(Quiet() with { RequestsPerSecond = rate }));
        Assert.Contains("RequestsPerSecond", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_port_speaks_tls_with_a_certificate_of_the_authority()
    {
        await using var node = await StartAsync(Quiet());
        Assert.Equal("https", node.Address.Scheme);
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(Path.Combine(Authority.Folder, "node-1.pem"));
        Assert.True(certificate.MatchesHostname("127.0.0.1"));

        // Without the authority the system's trust refuses it.
        using var strict = new HttpClient(PeerTrust.CreateHandler(null));
        await Assert.ThrowsAsync<HttpRequestException>(() => strict.GetAsync(node.MetricsEndpoint));
    }

    private static List<JsonElement> LogLines(SimulatedNode node)
    {
        using var file = new FileStream(node.LogPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);

        // A last line without its end is still being written.
        return [.. reader.ReadToEnd().Split('\n')[..^1].Select(line => JsonElement.Parse(line))];
    }
}
