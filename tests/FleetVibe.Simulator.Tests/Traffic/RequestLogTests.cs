using System.Text.Json;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Simulator.Tests.Traffic;

public sealed class RequestLogTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_line_is_the_canonical_one()
    {
        using (var log = new RequestLog(_folder.File("requests.jsonl"), null, 1))
        {
            log.Append([TruthTests.Request(7) with { RequestId = "node-1-7" }]);
        }

        Assert.Equal(
            """{"timestamp":"2023-11-14T22:13:20.007Z","request_id":"node-1-7","model":"m","task":"t","prompt_tokens":10,"completion_tokens":27,"duration_ms":107.125,"ttft_ms":12.5,"status":"stop"}""" + "\n",
            File.ReadAllText(_folder.File("requests.jsonl")));
    }

    [Fact]
    public void Rotation_by_rename_loses_and_repeats_no_line()
    {
        using (var log = new RequestLog(_folder.File("requests.jsonl"), rotateEvery: 3, keep: 10))
        {
            log.Append([.. Numbers(0, 4)]);
            log.Append([.. Numbers(4, 1)]);
            log.Append([.. Numbers(5, 3)]);
        }

        Assert.Equal(["0", "1", "2"], Ids("requests.jsonl.2"));
        Assert.Equal(["3", "4", "5"], Ids("requests.jsonl.1"));
        Assert.Equal(["6", "7"], Ids("requests.jsonl"));
    }

    [Fact]
    public void The_oldest_rotated_logs_are_deleted()
    {
        using (var log = new RequestLog(_folder.File("requests.jsonl"), rotateEvery: 1, keep: 2))
        {
            log.Append([.. Numbers(0, 5)]);
        }

        Assert.Equal(["requests.jsonl", "requests.jsonl.1", "requests.jsonl.2"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order());
        Assert.Equal(["3"], Ids("requests.jsonl.2"));
    }

    [Fact]
    public void A_made_log_holds_what_its_truth_says_and_the_same_seed_gives_the_same_bytes()
    {
        var truth = RequestLogWriter.Write(_folder.File("a.jsonl"), 2_000, seed: 5, Start, requestsPerSecond: 200);
        RequestLogWriter.Write(_folder.File("b.jsonl"), 2_000, seed: 5, Start, requestsPerSecond: 200);
        RequestLogWriter.Write(_folder.File("c.jsonl"), 2_000, seed: 6, Start, requestsPerSecond: 200);

        Assert.Equal(File.ReadAllBytes(_folder.File("a.jsonl")), File.ReadAllBytes(_folder.File("b.jsonl")));
        Assert.NotEqual(File.ReadAllBytes(_folder.File("a.jsonl")), File.ReadAllBytes(_folder.File("c.jsonl")));
        var lines = Lines("a.jsonl");
        Assert.Equal(truth.Requests.Select(r => r.DurationMs), lines.Select(line => line.GetProperty("duration_ms").GetDouble()));
        Assert.Equal(truth.Requests.Select(r => r.CompletedAt), lines.Select(line => line.GetProperty("timestamp").GetDateTimeOffset()));
        Assert.Equal(truth.OutputTokens, lines.Sum(line => line.GetProperty("completion_tokens").GetInt64()));
        Assert.Equal(truth.Requests.OrderBy(r => r.CompletedMs).Select(r => r.RequestId), truth.Requests.Select(r => r.RequestId));
    }

    private static IEnumerable<FinishedRequest> Numbers(int from, int count) =>
        Enumerable.Range(from, count).Select(i => TruthTests.Request(i) with { RequestId = $"{i}" });

    private List<string?> Ids(string name) => [.. Lines(name).Select(line => line.GetProperty("request_id").GetString())];

    private List<JsonElement> Lines(string name) => [.. File.ReadLines(_folder.File(name)).Select(line => JsonElement.Parse(line))];
}
