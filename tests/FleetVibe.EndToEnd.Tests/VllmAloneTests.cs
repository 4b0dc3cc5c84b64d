using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Telegraf;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>Without a log the engine's own page counts, over HTTPS with a bearer token.</summary>
public class VllmAloneTests
{
    [Fact]
    public async Task Every_true_percentile_lies_inside_the_published_bounds()
    {
        using var folder = new TemporaryFolder();
        await using var telegraf = await SimulatedTelegraf.StartAsync(new SimulatedTelegrafSettings(), TimeProvider.System);
        await using var node = await SimulatedNode.StartAsync(
            new SimulatedNodeSettings { Name = "gpu-node-01", Seed = 11, Directory = folder.Sub("node"), RequestsPerSecond = 60, Latency = LatencyProfile.Fast },
            TimeProvider.System);
        var config = folder.Write("fleetvibe.toml", $"""
            [node]
            name = "gpu-node-01"
            data_dir = "{folder.Sub("data")}"
            [[agent.sources]]
            kind = "vllm"
            endpoint = "{node.MetricsEndpoint}"
            token_file = "{node.TokenFile}"
            ca_file = "{node.CaFile}"
            task = "algorithm_reasoning"
            [aggregator]
            [gateway.telegraf]
            url = "{telegraf.Address}"
            [dashboard]
            listen = "127.0.0.1:0"
            """);

        await using var binary = Binary.Start("run", "run", "--config", config);
        await Eventually.Holds(
            () => telegraf.Windows().Count(w => w.Integer("requests") > 0) >= 4, TimeSpan.FromMinutes(2), () => $"no four windows:\n{binary.Output}");
        await node.StopTrafficAsync();
        var truth = Truth.Read(node.TruthPath);
        await Eventually.Holds(
            () => telegraf.FleetSum("requests") >= truth.Count,
            TimeSpan.FromMinutes(1),
            () => $"Telegraf holds {telegraf.FleetSum("requests")} of {truth.Count}:\n{binary.Output}");
        Assert.Equal(0, await binary.StopAsync());

        Assert.Equal(truth.Count, telegraf.FleetSum("requests"));
        Assert.Equal(truth.InputTokens, telegraf.FleetSum("input_tokens"));
        Assert.Equal(truth.OutputTokens, telegraf.FleetSum("output_tokens"));
        // A scrape's requests stand in the window that holds the middle of its span, so single windows are not those of the
        // clock; over the merged windows of the run they are the same requests.
        var run = CommitLogFile.MergedResponseTime(Path.Combine(folder.Path, "data"));
        Assert.Equal(truth.Count, run.Count);
        for (var permille = 1; permille <= 1000; permille++)
        {
            var (exact, bounds) = (truth.DurationPercentileMs(permille)!.Value / 1e3, run.Quantile(permille)!.Value);
            Assert.True(bounds.Low <= exact, $"{permille} permille: the truth {exact} s is below {bounds}");
            Assert.True(bounds.High is null || exact <= bounds.High, $"{permille} permille: the truth {exact} s is above {bounds}");
        }

        foreach (var window in telegraf.Windows().Where(w => w.Integer("requests") > 0))
        {
            Assert.Equal("bucket", window.Text("precision"));
            foreach (var field in new[] { "p50", "p95", "p99" })
            {
                var (low, value) = (window.Float($"response_time_{field}_lo_ms")!.Value, window.Float($"response_time_{field}_ms")!.Value);
                Assert.True(low <= value, $"{field} {value} is below its lower bound {low}");
                Assert.True(window.Float($"response_time_{field}_hi_ms") is not { } high || value <= high, $"{field} {value} is above its upper bound");
            }
        }

        Assert.Empty(telegraf.Violations);
    }
}
