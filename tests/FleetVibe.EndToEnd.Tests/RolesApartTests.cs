using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Certificates;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Telegraf;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>Every role is a process of its own, started from the files in deploy/, with TLS and tokens throughout.</summary>
public class RolesApartTests
{
    private static readonly LatencyProfile[] Profiles = [LatencyProfile.Fast, LatencyProfile.Usual, LatencyProfile.Slow];

    [Fact]
    public async Task The_fleets_percentiles_are_those_of_all_requests_and_totals_survive_the_kill_of_an_aggregator()
    {
        using var folder = new TemporaryFolder();
        using var authority = SelfMadeAuthority.OpenOrCreate(folder.Sub("etc"), TimeProvider.System);
        var place = new Deployment(folder, authority);
        await using var telegraf = await SimulatedTelegraf.StartAsync(place.TelegrafSettings, TimeProvider.System);
        await using var nodes = new AsyncDisposables();
        await using var processes = new AsyncDisposables();
        var truthPath = Path.Combine(folder.Path, "truth.jsonl");
        using var truthWriter = new TruthWriter(truthPath);
        var simulated = new List<SimulatedNode>();
        foreach (var profile in Profiles)
        {
            simulated.Add(nodes.Add(await SimulatedNode.StartAsync(
                new SimulatedNodeSettings
                {
                    Name = $"gpu-node-{profile.Name}", Seed = 5, Directory = folder.Sub(profile.Name), Authority = authority, Latency = profile,
                    RequestsPerSecond = 20, Truth = truthWriter, ExpectedReaders = ExpectedReaders.Metrics | ExpectedReaders.GpuTool,
                },
                TimeProvider.System)));
        }

        var gateway = processes.Add(Binary.Start("gateway", "run", "--config", place.Gateway(telegraf)));
        var aggregators = Enumerable.Range(1, 3).Select(i => processes.Add(Binary.Start($"agg-{i}", "run", "--config", place.Aggregator(i)))).ToList();
        var agents = simulated.Select(node => processes.Add(Binary.Start(node.Settings.Name, "run", "--config", place.Agent(node)))).ToList();
        string Said() => string.Join("\n\n", new[] { gateway }.Concat(aggregators).Concat(agents).Select(p => p.Output));

        await Eventually.Holds(() => WholeWindows(telegraf) >= 2, TimeSpan.FromMinutes(2), () => $"no two windows of all three nodes:\n{Said()}");
        await aggregators[1].KillAsync();
        var before = telegraf.Windows().Max(p => p.UnixSeconds);
        await Eventually.Holds(
            () => telegraf.Windows().Any(p => p.UnixSeconds >= before + 30 && p.Integer("contributors") == 3),
            TimeSpan.FromMinutes(2),
            () => $"no window of all three nodes after the kill:\n{Said()}");
        foreach (var node in simulated)
        {
            await node.StopTrafficAsync();
        }

        var truth = Truth.Read(truthPath);
        await Eventually.Holds(
            () => telegraf.FleetSum("requests") >= truth.Count,
            TimeSpan.FromMinutes(2),
            () => $"Telegraf holds {telegraf.FleetSum("requests")} of {truth.Count}:\n{Said()}");

        Assert.Equal(truth.Count, telegraf.FleetSum("requests"));
        Assert.Equal(truth.Errors, telegraf.FleetSum("errors"));
        Assert.Equal(truth.OutputTokens, telegraf.FleetSum("output_tokens"));
        var averagesThatMiss = 0;
        foreach (var (start, requests) in truth.ByWindow())
        {
            var window = Assert.Single(telegraf.Windows(), p => p.UnixSeconds == start);
            Assert.Equal(requests.Count, window.Integer("requests"));
            foreach (var (permille, field) in Percentiles.ResponseTime)
            {
                Percentiles.AssertWithinBound(requests.DurationPercentileMs(permille)!.Value, window.Float(field)!.Value, $"{field} of {start}");
            }

            var exact = requests.DurationPercentileMs(990)!.Value;
            var average = requests.Requests.GroupBy(r => r.Node).Average(node => new Truth(node).DurationPercentileMs(990)!.Value);
            averagesThatMiss += Math.Abs(average - exact) > 0.0055 * exact ? 1 : 0;
        }

        Assert.True(averagesThatMiss > 0, "the three distributions are too much alike to tell a percentile from an average");
        Assert.Empty(telegraf.Violations);
        foreach (var agent in agents)
        {
            Assert.Equal(0, await agent.StopAsync());
        }
    }

    private static int WholeWindows(SimulatedTelegraf telegraf) =>
        telegraf.Windows().Count(p => p.Integer("contributors") == 3 && p.Integer("requests") > 0);
}
