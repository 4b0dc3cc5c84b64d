using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Telegraf;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>Whatever one model server answers, the agent stays up, the other sources go on, and nothing invalid leaves.</summary>
public class GarbageTests
{
    [Fact]
    public async Task Garbage_from_one_server_leaves_the_other_sources_exact_and_the_output_valid()
    {
        using var folder = new TemporaryFolder();
        await using var telegraf = await SimulatedTelegraf.StartAsync(new SimulatedTelegrafSettings(), TimeProvider.System);
        await using var good = await SimulatedNode.StartAsync(
            new SimulatedNodeSettings { Name = "gpu-node-01", Seed = 21, Directory = folder.Sub("good"), ExpectedReaders = ExpectedReaders.None }, TimeProvider.System);
        var bad = new List<SimulatedNode>();
        try
        {
            foreach (var fault in Enum.GetValues<NodeFault>().Where(f => f != NodeFault.None))
            {
                var node = await SimulatedNode.StartAsync(
                    new SimulatedNodeSettings { Name = $"bad-{fault}", Seed = 22, Directory = folder.Sub($"bad-{fault}"), ExpectedReaders = ExpectedReaders.None },
                    TimeProvider.System);
                node.Fault = fault;
                bad.Add(node);
            }

            var config = folder.Write("fleetvibe.toml", $"""
                [node]
                name = "gpu-node-01"
                data_dir = "{folder.Sub("data")}"
                [[agent.sources]]
                kind = "json_log"
                path = "{good.LogPath}"
                start_at = "beginning"
                {string.Concat(bad.Select(Source))}
                [aggregator]
                [gateway.telegraf]
                url = "{telegraf.Address}"
                [dashboard]
                listen = "127.0.0.1:0"
                """);

            await using var binary = Binary.Start("run", "run", "--config", config);
            await Eventually.Holds(
                () => bad.All(node => Target(telegraf, node).Count() >= 2),
                TimeSpan.FromMinutes(3),
                () => $"not every server was reported twice:\n{binary.Output}");
            await good.StopTrafficAsync();
            var truth = Truth.Read(good.TruthPath);
            await Eventually.Holds(
                () => Requests(telegraf) >= truth.Count, TimeSpan.FromMinutes(1), () => $"{Requests(telegraf)} of {truth.Count}:\n{binary.Output}");

            Assert.Equal(truth.Count, Requests(telegraf));
            Assert.Empty(telegraf.Violations);
            Assert.True(telegraf.Statistics.ByStatus.Keys.All(status => status == 204), "Telegraf refused something");
            Assert.Equal("wrong_content", LastError(telegraf, bad, NodeFault.Html));
            Assert.Equal("wrong_content", LastError(telegraf, bad, NodeFault.TruncatedGzip));
            Assert.Equal("too_large", LastError(telegraf, bad, NodeFault.EndlessBody));
            Assert.Equal(0, await binary.StopAsync());
        }
        finally
        {
            foreach (var node in bad)
            {
                await node.DisposeAsync();
            }
        }
    }

    private static long Requests(SimulatedTelegraf telegraf) =>
        telegraf.FleetSum("requests", p => p.Tags["model"] == "vibethinker-1.5b" && p.Tags["task"] == "algorithm_reasoning");

    private static IEnumerable<StoredPoint> Target(SimulatedTelegraf telegraf, SimulatedNode node) =>
        telegraf.Points("vibe_target").Where(p => p.Tags["target"] == node.Settings.Name);

    private static string? LastError(SimulatedTelegraf telegraf, List<SimulatedNode> bad, NodeFault fault) =>
        Target(telegraf, bad.Single(n => n.Settings.Name == $"bad-{fault}")).OrderBy(p => p.TimestampNs).Last().Text("error_class");

    private static string Source(SimulatedNode node) => $"""

        [[agent.sources]]
        kind = "vllm"
        name = "{node.Settings.Name}"
        endpoint = "{node.MetricsEndpoint}"
        token_file = "{node.TokenFile}"
        ca_file = "{node.CaFile}"
        model = "broken"
        task = "broken"
        """;
}
