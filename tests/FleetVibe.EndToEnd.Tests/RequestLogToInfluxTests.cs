using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>A request log goes through the real binary, all roles in one process, into a real InfluxDB.</summary>
public class RequestLogToInfluxTests
{
    private const int Lines = 100_000;

    [RequiresInfluxFact]
    public async Task A_log_of_100000_lines_stands_in_InfluxDB_exactly()
    {
        using var folder = new TemporaryFolder();
        await using var influx = await InfluxServer.StartAsync();
        var start = TimeProvider.System.GetUtcNow().AddHours(-2);
        var truth = RequestLogWriter.Write(Path.Combine(folder.Path, "requests.jsonl"), Lines, seed: 7, start, requestsPerSecond: 20);
        var config = folder.Write("fleetvibe.toml", $"""
            [node]
            name = "gpu-node-01"
            data_dir = "{folder.Sub("data")}"
            [[agent.sources]]
            kind = "json_log"
            path = "{folder.Path}/requests.jsonl"
            start_at = "beginning"
            model = "vibethinker-1.5b"
            task = "algorithm_reasoning"
            [aggregator]
            [gateway.telegraf]
            url = "{influx.Address}"
            dialect = "influxdb_v1"
            database = "fleet"
            create_database = true
            [dashboard]
            listen = "127.0.0.1:0"
            """);

        await using var binary = Binary.Start("run", "run", "--config", config);
        await Eventually.Holds(
            async () => !binary.HasExited ? await SumAsync(influx) >= Lines : throw new InvalidOperationException(binary.Output),
            TimeSpan.FromMinutes(4),
            () => $"InfluxDB does not hold {Lines} requests; the binary said:\n{binary.Output}");
        Assert.Equal(0, await binary.StopAsync());

        var windows = (await influx.QueryAsync("fleet", "SELECT * FROM vibe_fleet WHERE \"window\" = '10s'")).Select(FleetWindow.From)
            .Where(w => w.Requests > 0).ToDictionary(w => w.Start);
        var exact = truth.ByWindow();
        Assert.Equal(exact.Keys.Order(), windows.Keys.Order());
        Assert.Equal(Lines, windows.Values.Sum(w => w.Requests));
        Assert.Equal(truth.Errors, windows.Values.Sum(w => w.Errors));
        Assert.Equal(truth.InputTokens, windows.Values.Sum(w => w.InputTokens));
        Assert.Equal(truth.OutputTokens, windows.Values.Sum(w => w.OutputTokens));
        foreach (var (at, requests) in exact)
        {
            Assert.Equal(requests.Count, windows[at].Requests);
            foreach (var (permille, field) in Percentiles.ResponseTime)
            {
                Percentiles.AssertWithinBound(requests.DurationPercentileMs(permille)!.Value, windows[at].Number(field)!.Value, $"{field} of {at}");
            }
        }
    }

    private static async Task<long> SumAsync(InfluxServer influx)
    {
        try
        {
            var rows = await influx.QueryAsync("fleet", "SELECT sum(requests) FROM vibe_fleet WHERE \"window\" = '10s'");
            return rows.Count == 0 ? 0 : rows[0]["sum"].GetInt64();
        }
        catch (InvalidOperationException e) when (e.Message.Contains("database not found", StringComparison.Ordinal))
        {
            return 0;
        }
    }
}
