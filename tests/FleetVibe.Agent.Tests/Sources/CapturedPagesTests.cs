using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Dcgm;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Agent.Sources.Engines;

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

        var adapter = new EngineAdapter(new VllmSourceSettings { Endpoint = new Uri("http://127.0.0.1:8000/metrics") });
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

        var adapter = new EngineAdapter(new VllmSourceSettings { Endpoint = new Uri("http://127.0.0.1:8000/metrics") });
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

    /// <summary>Recordings of metrics pages by folder: the kind that they are of.</summary>
    public static TheoryData<string, string?> Pages()
    {
        var pages = new TheoryData<string, string?>();
        var folder = Recordings.Folder is { } captures ? Path.Combine(captures, "llm") : "";
        foreach (var file in Directory.Exists(folder) ? Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal) : Enumerable.Empty<string>())
        {
            var name = Path.GetRelativePath(folder, file);
            var isPage = Path.GetExtension(name) is ".prom" or ".txt" && !name.Contains("log", StringComparison.Ordinal) && !name.Contains("headers", StringComparison.Ordinal)
                && !name.Contains("empty_metrics_response", StringComparison.Ordinal);
            if (isPage)
            {
                pages.Add(name, name.Split(Path.DirectorySeparatorChar)[0] switch
                {
                    "fastapi" => name.Contains("starlette", StringComparison.Ordinal) ? "starlette_exporter" : "fastapi_instrumentator",
                    "python" => null,
                    var kind => kind,
                });
            }
        }

        if (pages.Count == 0)
        {
            pages.Add("", null);
        }

        return pages;
    }

    [RecordingTheory]
    [MemberData(nameof(Pages))]
    public void Every_recorded_page_is_known_as_its_engines_and_read_without_an_error(string file, string? kind)
    {
        var page = Page(["llm", .. file.Split(Path.DirectorySeparatorChar)]);
        Assert.Equal(kind, EngineRecognition.Recognise(PageNames.In(page.Body))?.Kind);

        var adapter = EngineSource.AdapterOf(new EngineSourceSettings { Engine = EngineSourceSettings.Auto, Endpoint = new Uri("http://127.0.0.1:8000/metrics") });
        var first = adapter.Read(new CounterState(adapter.Origin, Now), page);
        Assert.Equal(kind is null, first.Error is not null);
        var again = adapter.Read(first.State, page with { At = Now.AddSeconds(10) });
        Assert.All(again.Deltas, delta => Assert.True(delta.Totals.IsEmpty));
        Assert.Equal(0, again.Restarts);
    }

    [RecordingTheory]
    [InlineData("llamacpp/b9014_busy.prom", 0, 65, 8, 1L, null)]
    [InlineData("llamacpp/constructed_b7010_json_quoted_body.txt", 0, null, null, null, null)]
    [InlineData("tgi/datadog__tgi_payload_first_part.txt", null, null, null, null, null)]
    [InlineData("triton/tensorrtllm_backend_readme_sample.txt", 0, 0, 0, 1L, 48.75)]
    [InlineData("mindie/gpustack_issue1785_excerpt.prom", 4, 195, 578, 0L, null)]
    public void What_a_recorded_page_holds_is_what_is_read(string file, int? requests, int? input, int? output, long? running, double? cache)
    {
        var figures = EngineRecognition.Read(Page(["llm", .. file.Split('/')]).Body)!.Value.Figures.ToLookup(f => f.Figure, f => f.Value);
        Assert.NotEmpty(figures);
        void Is(string figure, double? value)
        {
            if (value is { } known)
            {
                Assert.Equal(known, figures[figure].Sum(), 1e-9);
            }
        }

        Is("requests", requests);
        Is("input_tokens", input);
        Is("output_tokens", output);
        Is("running", running);
        Is("kv_cache_percent", cache);
    }
}
