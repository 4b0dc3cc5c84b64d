using System.Globalization;
using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Simulator.Telegraf;
using FleetVibe.Simulator.Traffic;
using FleetVibe.Tests.Postgres;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>Two gateways on one PostgreSQL, killed one after the other while a log is read: the aggregator goes on with the other.</summary>
public class SharedStoreTests
{
    private const int Lines = 1200;

    [RequiresPostgresFact]
    public async Task Kills_of_one_gateway_after_the_other_change_no_total()
    {
        using var folder = new TemporaryFolder();
        using var cluster = PostgresCluster.Start();
        await using var telegraf = await SimulatedTelegraf.StartAsync(new SimulatedTelegrafSettings(), TimeProvider.System);
        await using var processes = new AsyncDisposables();
        var connection = folder.Write("postgres.connection", cluster.ConnectionString(cluster.NewSchema()));
        var log = folder.Write("requests.jsonl", "");
        var start = TimeProvider.System.GetUtcNow().AddSeconds(-120);
        var parts = Enumerable.Range(0, 3).Select(i => Path.Combine(folder.Path, string.Create(CultureInfo.InvariantCulture, $"part-{i}"))).ToList();
        var truths = parts.Select((part, i) => RequestLogWriter.Write(part, Lines, seed: 70 + i, start.AddSeconds(30 * i), requestsPerSecond: 40)).ToList();

        int[] ports = [InfluxServer.FreePort(), InfluxServer.FreePort(), InfluxServer.FreePort()];
        string[] gateways = [.. Enumerable.Range(0, 2).Select(i => folder.Write($"gw-{i}.toml", $"""
            [node]
            name = "gw-{i}"
            [gateway]
            listen = "127.0.0.1:{ports[i]}"
            store = "postgres"
            connection_file = "{connection}"
            [gateway.telegraf]
            url = "{telegraf.Address}"
            """))];
        var aggregator = folder.Write("aggregator.toml", $"""
            [node]
            name = "agg-1"
            [aggregator]
            listen = "127.0.0.1:{ports[2]}"
            gateways = ["http://127.0.0.1:{ports[0]}", "http://127.0.0.1:{ports[1]}"]
            [dashboard]
            listen = "127.0.0.1:0"
            """);
        var agent = folder.Write("agent.toml", $"""
            [node]
            name = "gpu-node-01"
            data_dir = "{folder.Sub("data")}"
            [agent]
            aggregators = ["http://127.0.0.1:{ports[2]}"]
            [[agent.sources]]
            kind = "json_log"
            path = "{log}"
            start_at = "beginning"
            model = "vibethinker-1.5b"
            task = "algorithm_reasoning"
            """);
        Binary Run(string name, string config) => processes.Add(Binary.Start(name, "run", "--config", config));

        var first = Run("gw-0", gateways[0]);
        var second = Run("gw-1", gateways[1]);
        var others = new List<Binary> { Run("agg-1", aggregator), Run("agent", agent) };
        string Said() => string.Join("\n\n", new[] { first, second }.Concat(others).Select(p => p.Output));
        Task Holds(int lines) => Eventually.Holds(
            () => telegraf.FleetSum("requests") >= lines, TimeSpan.FromMinutes(2), () => $"Telegraf holds {telegraf.FleetSum("requests")} of {lines}:\n{Said()}");

        await AppendAsync(parts[0], log);
        await Eventually.Holds(() => telegraf.FleetSum("requests") > 0, TimeSpan.FromMinutes(2), () => $"nothing came:\n{Said()}");
        await first.KillAsync();
        await AppendAsync(parts[1], log);
        await Holds(Lines + (Lines / 2));
        first = Run("gw-0 again", gateways[0]);
        await AppendAsync(parts[2], log);
        await second.KillAsync();
        await Holds(3 * Lines);

        Assert.Equal(3 * Lines, telegraf.FleetSum("requests"));
        Assert.Equal(truths.Sum(t => t.Errors), telegraf.FleetSum("errors"));
        Assert.Equal(truths.Sum(t => t.InputTokens), telegraf.FleetSum("input_tokens"));
        Assert.Equal(truths.Sum(t => t.OutputTokens), telegraf.FleetSum("output_tokens"));
        Assert.Empty(telegraf.Violations);
        foreach (var process in others.Append(first))
        {
            Assert.Equal(0, await process.StopAsync());
        }
    }

    private static async Task AppendAsync(string part, string log) => await File.AppendAllTextAsync(log, await File.ReadAllTextAsync(part));
}
