using System.Globalization;
using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Telegraf;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>Sources come and go in the real binary while windows are open, by SIGHUP, by the file, and by discovery.</summary>
public sealed class ReloadTests : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly TemporaryFolder _folder = new();
    private readonly CancellationTokenSource _stop = new();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _stop.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Whatever_comes_and_goes_every_request_is_counted_once()
    {
        await using var telegraf = await SimulatedTelegraf.StartAsync(new SimulatedTelegrafSettings(), TimeProvider.System);
        await using var node = await SimulatedNode.StartAsync(
            new SimulatedNodeSettings { Name = "gpu-node-01", Seed = 3, Directory = _folder.Sub("node"), RequestsPerSecond = 20, Latency = LatencyProfile.Fast },
            TimeProvider.System);
        Configure(telegraf, node, "a");
        Discover("[]");
        var (a, b) = (WriteAsync("a"), WriteAsync("b"));

        await using var binary = Binary.Start("run", "run", "--config", Path.Combine(_folder.Path, "fleetvibe.toml"));
        await Eventually.Holds(() => telegraf.FleetSum("requests") > 0, Limit, () => $"nothing of log a:\n{binary.Output}");

        Configure(telegraf, node, "b");
        await binary.SignalAsync("HUP");
        await binary.WaitForOutputAsync("sources changed: added json_log:b; removed json_log:a", Limit);
        Discover($$$"""[{"targets": ["{{{node.MetricsEndpoint.Authority}}}"], "labels": {"name": "found"}}]""");
        await binary.WaitForOutputAsync("sources changed: added vllm:found", Limit);

        // A file with a mistake changes nothing, and is told with its place.
        _folder.Write("fleetvibe.toml", "[[agent.sources]]\nkind = \"json_lgo\"");
        await binary.WaitForOutputAsync("fleetvibe.toml:2:8: error: kind = \"json_lgo\" is no kind of source that is known: did you mean \"json_log\"?", Limit);
        await binary.WaitForOutputAsync("configuration refused (it changed)", Limit);

        // Log a comes back, without a signal, and goes on where it was left: the engine served another model, so it counted nothing of it.
        Configure(telegraf, node, "a", "b");
        await binary.WaitForOutputAsync("sources changed: added json_log:a", Limit);
        await node.StopTrafficAsync();
        Discover("[]");
        await binary.WaitForOutputAsync("sources changed: removed vllm:found", Limit);
        await _stop.CancelAsync();
        var (written, found) = (await a + await b, Truth.Read(node.TruthPath).Count);
        await Eventually.Holds(
            () => Sum(telegraf, "logged") >= written && Sum(telegraf, "vibethinker-1.5b") >= found,
            Limit,
            () => $"{Sum(telegraf, "logged")} of {written} and {Sum(telegraf, "vibethinker-1.5b")} of {found}:\n{binary.Output}");
        Assert.Equal(0, await binary.StopAsync());

        Assert.Equal(written, Sum(telegraf, "logged"));
        Assert.Equal(found, Sum(telegraf, "vibethinker-1.5b"));
        Assert.Contains(telegraf.Points("vibe_event"), point => point.Tags["kind"] == "config_refused");
        Assert.Empty(telegraf.Violations);
    }

    private static long Sum(SimulatedTelegraf telegraf, string model) => telegraf.FleetSum("requests", point => point.Tags["model"] == model);

    // As an editor does it: a new file under the old name.
    private void Configure(SimulatedTelegraf telegraf, SimulatedNode node, params string[] logs)
    {
        var sources = string.Concat(logs.Select(log => $"""
            [[agent.sources]]
            kind = "json_log"
            name = "{log}"
            path = "{_folder.Path}/{log}.jsonl"
            start_at = "beginning"
            model = "logged"

            """));
        var written = _folder.Write("fleetvibe.toml.new", $"""
            [node]
            name = "gpu-node-01"
            data_dir = "{_folder.Sub("data")}"
            {sources}
            [[agent.discovery]]
            kind = "file_sd"
            files = ["{_folder.Path}/targets.json"]
            refresh = "1s"
            [agent.discovery.source]
            kind = "vllm"
            scheme = "https"
            path = "{node.MetricsEndpoint.AbsolutePath}"
            token_file = "{node.TokenFile}"
            ca_file = "{node.CaFile}"
            [aggregator]
            [gateway.telegraf]
            url = "{telegraf.Address}"
            [dashboard]
            listen = "127.0.0.1:0"
            """);
        File.Move(written, Path.Combine(_folder.Path, "fleetvibe.toml"), overwrite: true);
    }

    private void Discover(string targets) => File.Move(_folder.Write("targets.new", targets), Path.Combine(_folder.Path, "targets.json"), overwrite: true);

    private async Task<int> WriteAsync(string log)
    {
        var lines = 0;
        var path = Path.Combine(_folder.Path, $"{log}.jsonl");
        while (!_stop.IsCancellationRequested)
        {
            var at = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
            await File.AppendAllTextAsync(path, $$"""{"timestamp": "{{at}}", "duration_ms": 120, "status": "stop", "prompt_tokens": 3, "completion_tokens": 5}""" + "\n");
            lines++;
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }

        return lines;
    }
}
