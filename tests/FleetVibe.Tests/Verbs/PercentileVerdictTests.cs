using FleetVibe.Metrics.Windows;
using FleetVibe.Simulator.Traffic;
using FleetVibe.Verbs.Demo;

namespace FleetVibe.Tests.Verbs;

public class PercentileVerdictTests
{
    private static readonly double[] Bounds = [0.1, 1, 10];

    [Fact]
    public void Percentiles_of_every_request_are_within_their_bound()
    {
        var verdict = PercentileVerdict.Of(Exact(i => 0.05 + (i * 0.037)), Truth(i => 0.05 + (i * 0.037)));

        Assert.Empty(verdict.Problems);
        Assert.Equal(["response_time p50", "response_time p95", "response_time p99"], verdict.Rows.Select(r => r.Name));
        Assert.All(verdict.Rows, r => Assert.InRange(Math.Abs(r.ErrorPercent), 0, 0.55));
    }

    [Fact]
    public void A_percentile_two_percent_off_is_out_of_its_bound() =>
        Assert.Equal(3, PercentileVerdict.Of(Exact(i => 1.02 * (0.05 + (i * 0.037))), Truth(i => 0.05 + (i * 0.037))).Problems.Count);

    [Fact]
    public void A_missing_request_is_a_problem() =>
        Assert.Contains("the committed windows hold 199 requests, the truth 200", PercentileVerdict.Of(Exact(i => 1 + i, count: 199), Truth(i => 1 + i)).Problems);

    [Fact]
    public void Bucketed_values_are_judged_by_their_certain_bounds()
    {
        var totals = Exact(i => 2);
        totals.Ttft.AddClassic(Bounds, [0, 200, 0, 0], 100_000_000);

        Assert.Empty(PercentileVerdict.Of(totals, Truth(i => 2, ttft: 0.5)).Problems);
        Assert.Equal(3, PercentileVerdict.Of(totals, Truth(i => 2, ttft: 1.5)).Problems.Count);
    }

    private static SeriesTotals Exact(Func<int, double> seconds, int count = 200)
    {
        var totals = new SeriesTotals { Requests = count };
        for (var i = 0; i < count; i++)
        {
            totals.ResponseTime.Record(seconds(i));
        }

        return totals;
    }

    private static Truth Truth(Func<int, double> seconds, double ttft = 0.01) => new(Enumerable.Range(0, 200).Select(i => new FinishedRequest
    {
        Node = "node-a", Target = "t", Source = "json_log", Model = "m", Task = "t", CompletedMs = i, PromptTokens = 1, CompletionTokens = 1, Status = FinishedRequest.Stop,
        DurationMs = seconds(i) * 1000, TtftMs = ttft * 1000,
    }));
}
