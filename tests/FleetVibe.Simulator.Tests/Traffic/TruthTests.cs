using System.Text.Json;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Simulator.Tests.Traffic;

public sealed class TruthTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, 500, 1)]
    [InlineData(2, 500, 1)]
    [InlineData(3, 500, 2)]
    [InlineData(20, 950, 19)]
    [InlineData(100, 990, 99)]
    [InlineData(101, 990, 100)]
    [InlineData(999, 999, 999)]
    [InlineData(1000, 999, 999)]
    [InlineData(1001, 999, 1000)]
    [InlineData(7, 1000, 7)]
    public void Percentile_is_the_value_at_rank_ceil_of_n_k_over_1000(int count, int perMille, double rank)
    {
        var truth = new Truth(Enumerable.Range(1, count).Reverse().Select(i => Request(i) with { DurationMs = i, TtftMs = i }));

        Assert.Equal(rank, truth.DurationPercentileMs(perMille));
        Assert.Equal(rank, truth.TtftPercentileMs(perMille));
    }

    [Fact]
    public void Without_a_request_there_is_no_percentile() => Assert.Null(new Truth([]).DurationPercentileMs(500));

    [Fact]
    public void A_truth_line_has_exactly_the_agreed_names()
    {
        using (var writer = new TruthWriter(_folder.File("truth.jsonl")))
        {
            writer.Append([Request(5)]);
        }

        using var line = JsonDocument.Parse(File.ReadAllText(_folder.File("truth.jsonl")));
        Assert.Equal(
            ["node", "target", "source", "model", "task", "completed_ms", "duration_ms", "ttft_ms", "prompt_tokens", "completion_tokens", "status"],
            line.RootElement.EnumerateObject().Select(property => property.Name));
    }

    [Fact]
    public void What_was_written_is_read_back()
    {
        FinishedRequest[] requests = [Request(1), Request(2) with { Status = "error" }, Request(3) with { Model = "WeiboAI/Vibe \"1.5B\"\u00e9" }];
        using (var writer = new TruthWriter(_folder.File("truth.jsonl")))
        {
            writer.Append(requests);
        }

        var truth = Truth.Read(_folder.File("truth.jsonl"));
        Assert.Equal(requests.Select(r => r with { RequestId = "" }), truth.Requests);
        Assert.Equal(1, truth.Errors);
        Assert.Equal(requests.Sum(r => r.CompletionTokens), truth.OutputTokens);
    }

    [Fact]
    public void A_line_that_is_still_being_written_is_not_read()
    {
        using (var writer = new TruthWriter(_folder.File("truth.jsonl")))
        {
            writer.Append([Request(1)]);
        }

        File.AppendAllText(_folder.File("truth.jsonl"), "{\"node\":\"n");
        Assert.Equal(1, Truth.Read(_folder.File("truth.jsonl")).Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"node\":\"n")]
    public void What_a_killed_writer_left_of_a_line_is_cut_by_the_next(string left)
    {
        File.WriteAllText(_folder.File("truth.jsonl"), left);
        using var writer = new TruthWriter(_folder.File("truth.jsonl"));
        writer.Append([Request(1)]);
        File.AppendAllText(_folder.File("truth.jsonl"), left);
        writer.Append([Request(2)]);

        Assert.Equal([101.125, 102.125], Truth.Read(_folder.File("truth.jsonl")).Requests.Select(r => r.DurationMs));
    }

    [Theory]
    [InlineData("{\"node\":\"n\"}")]
    [InlineData("null")]
    [InlineData("nonsense")]
    public void A_line_that_is_no_truth_is_named(string line)
    {
        using (var writer = new TruthWriter(_folder.File("truth.jsonl")))
        {
            writer.Append([Request(1)]);
        }

        File.AppendAllText(_folder.File("truth.jsonl"), line + "\n");
        var error = Assert.Throws<InvalidDataException>(() => Truth.Read(_folder.File("truth.jsonl")));
        Assert.Contains("truth.jsonl:2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Writers_that_share_a_file_tear_no_line()
    {
        const int Writers = 4;
        const int Batches = 200;
        var path = _folder.File("truth.jsonl");
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(w => Task.Run(() =>
        {
            using var writer = new TruthWriter(path);
            for (var i = 0; i < Batches; i++)
            {
                writer.Append([Request(i) with { Node = $"node-{w}" }, Request(i) with { Node = $"node-{w}" }]);
            }
        })));

        var truth = Truth.Read(path);
        Assert.All(truth.Requests.CountBy(r => r.Node), node => Assert.Equal(2 * Batches, node.Value));
        Assert.Equal(Writers * 2 * Batches, truth.Count);
    }

    [Fact]
    public void Windows_are_named_by_their_start()
    {
        var truth = new Truth([Request(1) with { CompletedMs = 9_999 }, Request(2) with { CompletedMs = 10_000 }, Request(3) with { CompletedMs = 19_999 }]);

        var windows = truth.ByWindow();
        Assert.Equal([0L, 10L], windows.Keys.Order());
        Assert.Equal(2, windows[10].Count);
        Assert.Equal([0L], truth.ByWindow(60).Keys);
    }

    internal static FinishedRequest Request(int number) => new()
    {
        Node = "node-1", Target = "requests.jsonl", Source = "json_log", Model = "m", Task = "t", CompletedMs = 1_700_000_000_000 + number,
        DurationMs = 100.125 + number, TtftMs = 12.5, PromptTokens = 10, CompletionTokens = 20 + number, Status = "stop", RequestId = "r",
    };
}
