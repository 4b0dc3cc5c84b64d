using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Simulator.Tests.Traffic;

public class RequestStreamTests
{
    private const int Many = 20_000;

    [Fact]
    public void The_same_seed_gives_the_same_requests_and_gaps() => Assert.Equal(Draw("node-1", 7), Draw("node-1", 7));

    [Fact]
    public void Another_seed_or_another_node_gives_others()
    {
        Assert.NotEqual(Draw("node-1", 7), Draw("node-1", 8));
        Assert.NotEqual(Draw("node-1", 7), Draw("node-2", 7));
    }

    [Theory]
    [InlineData("fast")]
    [InlineData("usual")]
    [InlineData("slow")]
    public void Every_request_is_consistent_in_itself(string profile)
    {
        var requests = Requests(LatencyProfile.Find(profile)!, Many);

        Assert.All(requests, r =>
        {
            Assert.InRange(r.DurationMs, 50, 1_800_000);
            Assert.True(r.TtftMs > 0 && r.TtftMs < r.DurationMs);
            Assert.InRange(r.CompletionTokens, 1, RequestStream.MaxCompletionTokens);
            Assert.InRange(r.PromptTokens, 8, 4096);
            Assert.Equal(r.Status == "length", r.CompletionTokens == RequestStream.MaxCompletionTokens);
            Assert.Equal(r.DurationMs * 1000, Math.Round(r.DurationMs * 1000), 3);
        });
        Assert.Equal(requests.Count, requests.Select(r => r.RequestId).Distinct().Count());
    }

    [Fact]
    public void About_two_in_a_hundred_fail_and_three_are_cut()
    {
        var truth = new Truth(Requests(LatencyProfile.Usual, Many));

        Assert.InRange(truth.Errors, 320, 480);
        Assert.InRange(truth.LengthLimited, 510, 690);
    }

    [Fact]
    public void The_profiles_have_different_distributions()
    {
        var medians = LatencyProfile.All.Select(p => new Truth(Requests(p, Many)).DurationPercentileMs(500)!.Value).ToList();

        Assert.Equal(medians.Order(), medians);
        Assert.True(medians[1] > 4 * medians[0] && medians[2] > 3 * medians[1]);
    }

    [Fact]
    public void Completions_come_as_a_Poisson_process()
    {
        var stream = Stream("node-1", 3, LatencyProfile.Usual);
        var gaps = Enumerable.Range(0, Many).Select(_ => stream.NextGap(5).TotalSeconds).ToList();

        var mean = gaps.Average();
        Assert.InRange(mean, 0.19, 0.21);

        // An exponential distribution's standard deviation is its mean.
        Assert.InRange(Math.Sqrt(gaps.Average(gap => (gap - mean) * (gap - mean))) / mean, 0.95, 1.05);
    }

    private static List<(FinishedRequest, TimeSpan)> Draw(string node, int seed)
    {
        var stream = Stream(node, seed, LatencyProfile.Usual);
        return [.. Enumerable.Range(0, 200).Select(i => (stream.Next(i) with { RequestId = "", Node = "" }, stream.NextGap(5)))];
    }

    private static List<FinishedRequest> Requests(LatencyProfile profile, int count)
    {
        var stream = Stream("node-1", 11, profile);
        return [.. Enumerable.Range(0, count).Select(i => stream.Next(i))];
    }

    private static RequestStream Stream(string node, int seed, LatencyProfile profile) =>
        new(new StreamIdentity(node, "requests.jsonl", "json_log", "m", "t"), profile, seed);
}
