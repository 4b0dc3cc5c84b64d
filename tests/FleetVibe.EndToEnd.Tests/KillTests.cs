using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Telegraf;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>The binary is killed while a log is written and rotated, and its sink is unwell: no total changes.</summary>
public class KillTests
{
    private const int Kills = 6;

    [Fact]
    public async Task Six_kills_two_rotations_and_a_sink_that_refuses_a_third_change_no_total()
    {
        var random = new Random(41);
        using var folder = new TemporaryFolder();
        await using var telegraf = await SimulatedTelegraf.StartAsync(
            new SimulatedTelegrafSettings
            {
                FaultSeed = 41,
                Faults = new Dictionary<TelegrafFault, double> { [TelegrafFault.Status503] = 1.0 / 3 },
            },
            TimeProvider.System);
        await using var node = await SimulatedNode.StartAsync(
            new SimulatedNodeSettings { Name = "gpu-node-01", Seed = 41, Directory = folder.Sub("node"), OwnTraffic = false, ExpectedReaders = ExpectedReaders.None, LogRotateEvery = 400 },
            TimeProvider.System);
        var config = folder.Write("fleetvibe.toml", $"""
            [node]
            name = "gpu-node-01"
            data_dir = "{folder.Sub("data")}"
            [[agent.sources]]
            kind = "json_log"
            path = "{node.LogPath}"
            start_at = "beginning"
            model = "vibethinker-1.5b"
            task = "algorithm_reasoning"
            [aggregator]
            [gateway.telegraf]
            url = "{telegraf.Address}"
            [dashboard]
            listen = "127.0.0.1:0"
            """);

        var binary = Binary.Start("run", "run", "--config", config);
        try
        {
            // What was rotated away before an agent first saw a log was never its own: the kills begin after the first commit.
            while (!telegraf.Windows().Any())
            {
                await WriteForAsync(node, TimeSpan.FromSeconds(1), random);
            }

            for (var kill = 0; kill < Kills; kill++)
            {
                await WriteForAsync(node, TimeSpan.FromSeconds(3 + random.Next(9)), random);
                await binary.DisposeAsync();
                await WriteForAsync(node, TimeSpan.FromSeconds(random.Next(2)), random);
                binary = Binary.Start($"run after kill {kill + 1}", "run", "--config", config);
            }

            await WriteForAsync(node, TimeSpan.FromSeconds(5), random);
            var truth = Truth.Read(node.TruthPath);
            await Eventually.Holds(
                () => Fleet(telegraf, "requests") >= truth.Count,
                TimeSpan.FromMinutes(3),
                () => $"Telegraf holds {Fleet(telegraf, "requests")} of {truth.Count} requests:\n{binary.Output}");
            Assert.Equal(0, await binary.StopAsync());

            Assert.True(File.Exists(node.LogPath + ".2"), "the log was not rotated twice");
            Assert.Equal(truth.Count, Fleet(telegraf, "requests"));
            Assert.Equal(truth.Errors, Fleet(telegraf, "errors"));
            Assert.Equal(truth.InputTokens, Fleet(telegraf, "input_tokens"));
            Assert.Equal(truth.OutputTokens, Fleet(telegraf, "output_tokens"));
            foreach (var (start, requests) in truth.ByWindow())
            {
                Assert.Equal(requests.Count, telegraf.FleetSum("requests", p => p.UnixSeconds == start));
            }

            Assert.Empty(telegraf.Violations);
        }
        finally
        {
            await binary.DisposeAsync();
        }
    }

    private static long Fleet(SimulatedTelegraf telegraf, string field) => telegraf.FleetSum(field);

    [Fact]
    public async Task A_log_first_seen_empty_and_rotated_away_while_nobody_looked_is_read_whole()
    {
        using var folder = new TemporaryFolder();
        await using var telegraf = await SimulatedTelegraf.StartAsync(new SimulatedTelegrafSettings(), TimeProvider.System);
        var log = folder.Write("requests.jsonl", "");
        var config = folder.Write("fleetvibe.toml", $"""
            [node]
            data_dir = "{folder.Sub("data")}"
            [[agent.sources]]
            kind = "json_log"
            path = "{log}"
            start_at = "beginning"
            [aggregator]
            [gateway.telegraf]
            url = "{telegraf.Address}"
            [dashboard]
            listen = "127.0.0.1:0"
            """);

        await using (var first = Binary.Start("run", "run", "--config", config))
        {
            await Eventually.Holds(
                () => SpoolFile.HoldsCheckpoint(Path.Combine(folder.Path, "data")), TimeSpan.FromMinutes(1), () => $"no checkpoint was stored:\n{first.Output}");
            await first.KillAsync();
        }

        var now = TimeProvider.System.GetUtcNow().AddSeconds(-30);
        var rotated = RequestLogWriter.Write(log, 60, seed: 1, now);
        File.Move(log, log + ".1");
        var current = RequestLogWriter.Write(log, 10, seed: 2, now);
        await using var second = Binary.Start("run again", "run", "--config", config);
        await Eventually.Holds(
            () => telegraf.FleetSum("requests") >= 70, TimeSpan.FromMinutes(1), () => $"Telegraf holds {telegraf.FleetSum("requests")} of 70:\n{second.Output}");

        Assert.Equal(70, telegraf.FleetSum("requests"));
        Assert.Equal(rotated.OutputTokens + current.OutputTokens, telegraf.FleetSum("output_tokens"));
        Assert.Equal(0, await second.StopAsync());
    }

    private static async Task WriteForAsync(SimulatedNode node, TimeSpan span, Random random)
    {
        var time = TimeProvider.System;
        var start = time.GetTimestamp();
        while (time.GetElapsedTime(start) < span)
        {
            node.FinishNow(1 + random.Next(8));
            await Task.Delay(TimeSpan.FromMilliseconds(100), time);
        }
    }
}
