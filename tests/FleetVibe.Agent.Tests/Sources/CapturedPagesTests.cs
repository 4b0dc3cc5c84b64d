using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Dcgm;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Agent.Sources.Vllm;

namespace FleetVibe.Agent.Tests.Sources;

/// <summary>Pages recorded from real servers, where a machine has them; they are no part of this repository.</summary>
public class CapturedPagesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);

    private static FetchedPage Page(params string[] path) => new(Recordings.Read(path), "text/plain", Now);

    [RecordingFact]
    public void A_real_engines_forty_requests_are_counted()
    {
        var idle = Page("llm", "vllm", "localrun_v1_dp1__t0_idle.txt");
        var busy = Page("llm", "vllm", "localrun_v1_dp1__t1_40req.txt");

        var adapter = new VllmAdapter(new VllmSourceSettings { Endpoint = new Uri("http://127.0.0.1:8000/metrics") });
        var first = adapter.Read(new CounterState(adapter.Origin, Now), idle);
        var totals = Assert.Single(adapter.Read(first.State, busy with { At = Now.AddSeconds(10) }).Deltas).Totals;
        Assert.Equal((40, 15552, 442898, 40), (totals.Requests, totals.InputTokens, totals.OutputTokens, totals.ResponseTime.Count));
        Assert.Equal(3_515_681_432, totals.ResponseTime.Estimate.SumMicros);
    }

    [RecordingTheory]
    [InlineData("datadog__vllm_metrics.txt")]
    [InlineData("netdata-testdata__vllm_all_metrics.prom")]
    [InlineData("netdata-testdata__vllm_core_metrics.prom")]
    [InlineData("netdata-testdata__vllm_ray_all_metrics.prom")]
    public void Every_recorded_generation_of_vllm_names_its_model(string file)
    {
        var page = Page("llm", "vllm", file);

        var adapter = new VllmAdapter(new VllmSourceSettings { Endpoint = new Uri("http://127.0.0.1:8000/metrics") });
        var read = adapter.Read(new CounterState(adapter.Origin, Now), page);
        Assert.Null(read.Error);
        // A last line without its newline may be half a number: it is left out and counted.
        Assert.Equal(page.Body.Span[^1] == '\n' ? 0 : 1, read.SamplesSkipped);
        Assert.NotNull(Assert.Single(read.Gauges).KvCachePercent);
        Assert.NotEqual("unknown", read.Gauges[0].Series.Model);
        Assert.Contains(read.State.Baselines.Values, b => b.Histogram is not null);
    }

    [RecordingFact]
    public void A_real_exporters_board_is_read()
    {
        var page = Page("gpu", "dcgm", "cncf-conformance-eks-l4__driver580.txt");

        var read = new DcgmAdapter(new DcgmSourceSettings { Endpoint = new Uri("http://127.0.0.1:9400/metrics") }).Read(new CounterState("", Now), page);
        Assert.Null(read.Error);
        Assert.All(read.Gpus, g => Assert.Equal("NVIDIA L4", g.Name));
        Assert.Contains(read.Gpus, g => g.MemoryTotalBytes == 23_033L << 20);
    }
}
