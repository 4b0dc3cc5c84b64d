using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Telegraf;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>What someone does before the first run: a Telegraf block that they have already, and a look whether everything answers.</summary>
public class FirstContactTests
{
    private const string TelegrafToken = "telegraf-secret-token";

    [Fact]
    public async Task A_vibe_thinker_block_of_a_Telegraf_counts_tokens_and_errors_unchanged()
    {
        using var folder = new TemporaryFolder();
        await using var telegraf = await SimulatedTelegraf.StartAsync(new SimulatedTelegrafSettings(), TimeProvider.System);
        await using var node = await SimulatedNode.StartAsync(
            new SimulatedNodeSettings { Name = "gpu-node-02", Seed = 3, Directory = folder.Sub("node"), RequestsPerSecond = 20, ExpectedReaders = ExpectedReaders.Summary },
            TimeProvider.System);
        var config = folder.Write("fleetvibe.toml", $"""
            [node]
            data_dir = "{folder.Sub("data")}"
            {Block(node)}
            [aggregator]
            [gateway.telegraf]
            url = "{telegraf.Address}"
            [dashboard]
            listen = "127.0.0.1:0"
            """);

        await using var binary = Binary.Start("run", Trusting(node), "run", "--config", config);
        await Eventually.Holds(
            () => telegraf.FleetSum("output_tokens") > 0, TimeSpan.FromMinutes(2), () => $"no tokens:\n{binary.Output}");
        await node.StopTrafficAsync();
        var truth = Truth.Read(node.TruthPath);
        await Eventually.Holds(
            () => telegraf.FleetSum("output_tokens") >= truth.OutputTokens, TimeSpan.FromMinutes(1), () => $"too few tokens:\n{binary.Output}");

        Assert.Equal(truth.OutputTokens, telegraf.FleetSum("output_tokens"));
        Assert.Equal(truth.InputTokens, telegraf.FleetSum("input_tokens"));
        Assert.Equal(truth.Errors, telegraf.FleetSum("errors"));
        Assert.All(
            telegraf.Points("vibe_fleet"),
            point => Assert.Equal(("vibethinker-1.5b", "algorithm_reasoning"), (point.Tags["model"], point.Tags["task"])));
        Assert.Empty(telegraf.Violations);
        Assert.Equal(0, await binary.StopAsync());
    }

    [Fact]
    public async Task A_probe_names_what_failed_and_what_to_do_and_shows_no_secret()
    {
        using var folder = new TemporaryFolder();
        await using var telegraf = await SimulatedTelegraf.StartAsync(
            new SimulatedTelegrafSettings { Token = BearerToken.FromText(TelegrafToken) }, TimeProvider.System);
        await using var node = await SimulatedNode.StartAsync(
            new SimulatedNodeSettings { Name = "gpu-node-02", Directory = folder.Sub("node"), ExpectedReaders = ExpectedReaders.None, OwnTraffic = false },
            TimeProvider.System);
        folder.Write("good.token", TelegrafToken);
        folder.Write("bad.token", "another-secret-token");

        await using var good = Binary.Start("check", Trusting(node), "check", "--probe", "--config", Config("good"));
        Assert.True(await good.WaitForExitAsync(TimeSpan.FromMinutes(1)) == 0, good.Output);
        await using var bad = Binary.Start("check", Trusting(node), "check", "--probe", "--config", Config("bad"));
        Assert.True(await bad.WaitForExitAsync(TimeSpan.FromMinutes(1)) == 1, bad.Output);

        Assert.Contains("FAILED", bad.Output, StringComparison.Ordinal);
        Assert.Contains("401", bad.Output, StringComparison.Ordinal);
        Assert.Contains("1 of ", bad.Output, StringComparison.Ordinal);
        foreach (var secret in new[] { TelegrafToken, "another-secret-token", File.ReadAllText(node.TokenFile).Trim() })
        {
            Assert.DoesNotContain(secret, good.Output + bad.Output, StringComparison.Ordinal);
        }

        string Config(string name) => folder.Write($"{name}.toml", $"""
            [node]
            data_dir = "{folder.Path}/data"
            [[agent.sources]]
            kind = "json_log"
            path = "{node.LogPath}"
            [[agent.sources]]
            kind = "nvidia_smi"
            command = "{node.NvidiaSmi}"
            {Block(node)}
            [aggregator]
            [gateway.telegraf]
            url = "{telegraf.Address}"
            token_file = "{folder.Path}/{name}.token"
            """);
    }

    private static Dictionary<string, string> Trusting(SimulatedNode node) => new() { ["SSL_CERT_FILE"] = node.CaFile };

    private static string Block(SimulatedNode node) => $"""
        [[inputs.vibe_thinker]]
          endpoint = "{node.SummaryEndpoint}"
          interval = 15
          [inputs.vibe_thinker.headers]
            Authorization = "Bearer {File.ReadAllText(node.TokenFile).Trim()}"
        """;
}
