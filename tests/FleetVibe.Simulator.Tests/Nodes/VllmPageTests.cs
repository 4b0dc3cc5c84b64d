using System.Text;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Tests.Traffic;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Simulator.Tests.Nodes;

public class VllmPageTests
{
    private const string Of = "{engine=\"0\",model_name=\"m\"}";
    private static readonly DateTimeOffset Start = DateTimeOffset.FromUnixTimeMilliseconds(1_795_501_749_680);

    [Theory]
    [InlineData(VllmVersion.V0_8_4)]
    [InlineData(VllmVersion.V0_9_1)]
    [InlineData(VllmVersion.V0_10_1)]
    [InlineData(VllmVersion.V0_11)]
    public void The_page_is_plain_exposition_and_counts_every_request_once(VllmVersion version)
    {
        var requests = Requests(300);
        var truth = new Truth(requests);
        var page = Page(version, requests);

        Assert.Equal(300, page["vllm:e2e_request_latency_seconds_count" + Of]);
        Assert.Equal(300, page["vllm:e2e_request_latency_seconds_bucket{engine=\"0\",le=\"+Inf\",model_name=\"m\"}"]);
        Assert.Equal(requests.Sum(r => r.DurationMs) / 1e3, page["vllm:e2e_request_latency_seconds_sum" + Of], 6);
        Assert.Equal(300, page["vllm:time_to_first_token_seconds_count" + Of]);
        Assert.Equal(300, page.Sum("vllm:request_success_total"));
        Assert.Equal(truth.LengthLimited, page["vllm:request_success_total{engine=\"0\",finished_reason=\"length\",model_name=\"m\"}"]);
        Assert.Equal(truth.InputTokens, page["vllm:prompt_tokens_total" + Of]);
        Assert.Equal(truth.OutputTokens, page["vllm:generation_tokens_total" + Of]);
        Assert.Equal(1_795_501_749.68, page["process_start_time_seconds"]);
        Assert.Equal(1_795_501_749.68, page["vllm:e2e_request_latency_seconds_created" + Of]);
        Assert.Equal("gauge", page.Types["vllm:e2e_request_latency_seconds_created"]);
        Assert.Equal("histogram", page.Types["vllm:iteration_tokens_total"]);
    }

    [Fact]
    public void Buckets_are_cumulative_and_hold_what_is_at_or_below_their_bound()
    {
        double[] seconds = [.2, .3, .300001, 59, 60, 61, 7680, 9000];
        var page = Page(VllmVersion.V0_10_1, [.. seconds.Select(s => TruthTests.Request(1) with { DurationMs = s * 1000 })]);

        double Bucket(string le) => page[$"vllm:e2e_request_latency_seconds_bucket{{engine=\"0\",le=\"{le}\",model_name=\"m\"}}"];
        Assert.Equal([2, 3, 5, 6, 7, 8], [Bucket("0.3"), Bucket("0.5"), Bucket("60.0"), Bucket("120.0"), Bucket("7680.0"), Bucket("+Inf")]);
    }

    [Fact]
    public void Names_and_bounds_are_those_of_the_version()
    {
        var old = Page(VllmVersion.V0_8_4, []);
        Assert.Contains("vllm:gpu_cache_usage_perc", old.Types);
        Assert.Contains("vllm:gpu_prefix_cache_queries_total", old.Types);
        Assert.Equal("60.0", old.Bounds("vllm:e2e_request_latency_seconds")[^2]);
        Assert.Equal("10.0", old.Bounds("vllm:time_to_first_token_seconds")[^2]);

        var pinned = Page(VllmVersion.V0_10_1, []);
        Assert.Contains("vllm:kv_cache_usage_perc", pinned.Types);
        Assert.Contains("vllm:prefix_cache_hits_total", pinned.Types);
        Assert.Contains("vllm:time_per_output_token_seconds", pinned.Types);
        Assert.Equal(
            "0.3 0.5 0.8 1.0 1.5 2.0 2.5 5.0 10.0 15.0 20.0 30.0 40.0 50.0 60.0 120.0 240.0 480.0 960.0 1920.0 7680.0 +Inf",
            string.Join(' ', pinned.Bounds("vllm:e2e_request_latency_seconds")));
        Assert.Equal(
            "0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0 20.0 40.0 80.0 160.0 640.0 2560.0 +Inf",
            string.Join(' ', pinned.Bounds("vllm:time_to_first_token_seconds")));

        var latest = Page(VllmVersion.V0_11, [TruthTests.Request(1) with { Status = "error" }]);
        Assert.Contains("vllm:inter_token_latency_seconds", latest.Types);
        Assert.DoesNotContain("vllm:time_per_output_token_seconds", latest.Types);
        Assert.Equal(1, latest["vllm:request_success_total{engine=\"0\",finished_reason=\"error\",model_name=\"m\"}"]);
    }

    [Fact]
    public void Faulty_pages_are_still_exposition()
    {
        Assert.All(Page(VllmVersion.V0_10_1, Requests(3), NodeFault.NaN).Samples.Values, value => Assert.True(double.IsNaN(value)));
        Assert.Contains(
            "vllm:num_requests_running{engine=\"0\",model_name=\"m\\nforged,host=evil\"}",
            Page(VllmVersion.V0_10_1, [], NodeFault.NewlineInLabel).Samples.Keys);
        Assert.Equal(
            Page(VllmVersion.V0_10_1, []).Samples.Count + 5000,
            Page(VllmVersion.V0_10_1, [], NodeFault.ExtraSeries).Samples.Count);
    }

    private static Exposition Page(VllmVersion version, IReadOnlyList<FinishedRequest> requests, NodeFault fault = NodeFault.None)
    {
        var counters = new EngineCounters(version, Start);
        foreach (var request in requests)
        {
            counters.Add(request);
        }

        return new Exposition(Encoding.UTF8.GetString(VllmPage.Render(version, "m", counters, new EngineGauges(), fault)));
    }

    private static List<FinishedRequest> Requests(int count)
    {
        var stream = new RequestStream(new StreamIdentity("n", "t", "s", "m", "t"), LatencyProfile.Usual, 1);
        return [.. Enumerable.Range(0, count).Select(i => stream.Next(i))];
    }
}
