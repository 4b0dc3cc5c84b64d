using System.Text.Json;
using FleetVibe.Chaos.Oracle;
using FleetVibe.Chaos.Traffic;
using FleetVibe.Metrics.Windows;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Chaos.Tests.Traffic;

public sealed class FleetTrafficTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 10, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("fleetvibe-traffic-").FullName;
    private readonly FakeTimeProvider _time = new(Start);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Every_request_of_the_truth_stands_in_a_log_once()
    {
        await using var traffic = Run(3, seconds: 300, Plan("a", "m"), Plan("b", "m"), Plan("c", "n"));

        var lines = Lines("a").Concat(Lines("b")).Concat(Lines("c")).ToList();
        Assert.Equal(traffic.Truth.Requests, lines.Count);
        Assert.Equal(lines.Count, lines.Select(line => line.GetProperty("request_id").GetString()).Distinct().Count());
        Assert.Equal(Lines("a").Count, traffic.Truth.Nodes["a"].Requests);
        var truth = lines
            .GroupBy(line => (line.GetProperty("model").GetString()!, WindowClock.StartOf(line.GetProperty("timestamp").GetDateTimeOffset())))
            .ToDictionary(window => window.Key, window => (long)window.Count());
        Assert.Equal(traffic.Truth.Windows.ToDictionary(window => window.Key, window => window.Value.Requests), truth);
        Assert.Equal(
            lines.Sum(line => line.GetProperty("completion_tokens").GetInt64()), traffic.Truth.Windows.Values.Sum(window => window.OutputTokens));
        Assert.Equal(
            lines.Count(line => line.GetProperty("status").GetString() == "error"), traffic.Truth.Windows.Values.Sum(window => window.Errors));
    }

    [Fact]
    public async Task Logs_are_rotated_by_rename_but_not_in_the_first_seconds()
    {
        await using var early = Run(3, seconds: 14, Plan("early", "m"));
        await using var late = Run(3, seconds: 200, Plan("late", "m"));

        Assert.False(File.Exists(Path.Combine(_folder, "early.1")));
        Assert.True(File.Exists(Path.Combine(_folder, "late.2")));
    }

    [Fact]
    public async Task A_log_exists_before_its_first_line()
    {
        await using var traffic = new FleetTraffic(1, [Plan("a", "m")], _time);

        Assert.Equal(0, new FileInfo(Path.Combine(_folder, "a")).Length);
    }

    [Fact]
    public async Task The_lines_of_a_node_whose_clock_is_off_carry_its_clock_and_its_requests_keep_off_the_edges()
    {
        var offset = TimeSpan.FromHours(-1);
        await using var traffic = Run(5, seconds: 120, Plan("a", "m") with { ClockOffset = offset });

        var ends = Lines("a").Select(line => line.GetProperty("timestamp").GetDateTimeOffset() - offset).ToList();
        Assert.All(ends, end => Assert.InRange(end, Start, Start.AddSeconds(120)));
        Assert.All(ends, end => Assert.InRange(end.ToUnixTimeMilliseconds() % 10_000, 1000, 9000));
        Assert.Equal(
            ends.CountBy(end => WindowClock.StartOf(end)).ToDictionary(w => w.Key, w => (long)w.Value),
            traffic.Truth.Windows.ToDictionary(w => w.Key.Start, w => w.Value.Requests));
    }

    [Fact]
    public async Task Nodes_differ_so_much_that_averaged_percentiles_are_wrong()
    {
        await using var traffic = Run(1, seconds: 60, [.. Enumerable.Range(1, 5).Select(i => Plan($"n{i}", "m"))]);

        var all = new TruthWindow();
        foreach (var window in traffic.Truth.Windows.Values)
        {
            all.Add(window);
        }

        var average = Enumerable.Range(1, 5).Average(i => Percentile95(Lines($"n{i}")));
        Assert.NotInRange(average / all.PercentilesMs(950)[0], 1 - WindowContents.Bound, 1 + WindowContents.Bound);
    }

    [Fact]
    public void The_same_seed_finishes_the_same_requests_and_another_seed_others()
    {
        IReadOnlyList<double> Durations(int seed)
        {
            var requests = new NodeRequests(Plan("a", "m"), seed);
            return [.. Enumerable.Range(0, 100).SelectMany(i => requests.Until(Start.AddSeconds(i * 0.1))).Select(r => r.DurationMs)];
        }

        Assert.NotEmpty(Durations(1));
        Assert.Equal(Durations(1), Durations(1));
        Assert.NotEqual(Durations(1), Durations(2));
    }

    [Fact]
    public void A_process_that_was_stopped_finishes_nothing_for_the_time_that_it_missed()
    {
        var requests = new NodeRequests(Plan("a", "m"), 1);
        requests.Until(Start);

        Assert.All(requests.Until(Start.AddMinutes(1)), request => Assert.Equal(Start.AddMinutes(1), request.CompletedAt));
    }

    [Fact]
    public async Task Stopping_leaves_nothing_unwritten()
    {
        await using var traffic = new FleetTraffic(1, [Plan("a", "m")], _time);
        await traffic.StartAsync();
        for (var i = 0; i < 50; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
        }

        await traffic.StopAsync();

        Assert.Equal(traffic.Truth.Requests, Lines("a").Count);
    }

    private FleetTraffic Run(int seed, int seconds, params NodePlan[] plans)
    {
        var traffic = new FleetTraffic(seed, plans, _time);
        for (var i = 0; i <= seconds * 10; i++)
        {
            traffic.WriteUntil(Start.AddSeconds(i / 10.0));
        }

        return traffic;
    }

    private NodePlan Plan(string name, string model) => new(name, model, Path.Combine(_folder, name), TimeSpan.Zero);

    private List<JsonElement> Lines(string name) =>
    [
        .. Directory.EnumerateFiles(_folder).Where(path => Path.GetFileName(path).Split('.')[0] == name)
            .SelectMany(File.ReadLines).Select(line => JsonDocument.Parse(line).RootElement),
    ];

    private static double Percentile95(List<JsonElement> lines)
    {
        var sorted = lines.Select(line => line.GetProperty("duration_ms").GetDouble()).Order().ToList();
        return sorted[(int)Math.Ceiling(sorted.Count * 0.95) - 1];
    }
}
