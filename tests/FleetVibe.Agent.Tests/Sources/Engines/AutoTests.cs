using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Agent.Sources.Probing;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Agent.Tests.Sources.Engines;

/// <summary>A source whose engine is left open, on a server that answers path by path.</summary>
public class AutoTests
{
    private static readonly EngineSourceSettings Auto = new() { Engine = EngineSourceSettings.Auto, Endpoint = new Uri("http://127.0.0.1:8000/metrics") };

    private static readonly EnginePages Vllm = new("vllm-0.10");

    private readonly FakeTimeProvider _time = new(EnginePages.Epoch);
    private readonly Dictionary<string, FetchOutcome> _answers = [];
    private readonly List<string> _asked = [];

    private void Answer(string path, string body, string? mediaType = "text/plain") =>
        _answers[path] = new FetchOutcome(new FetchedPage(Encoding.UTF8.GetBytes(body), mediaType, EnginePages.Epoch.AddSeconds(10)), null, "");

    private ISourceClient Create(HttpSourceSettings settings, PageWanted wanted, TimeProvider time) => new Path(this, settings.Endpoint, wanted);

    private EngineClient Client(EngineSourceSettings settings) => new(settings, EngineSource.AdapterOf(settings).Wanted, Create, _time);

    private Task<SourceProbeResult> ProbeAsync(EngineSourceSettings settings) => SourceProbe.ProbeAsync(settings, _time, Create, CancellationToken.None);

    [Fact]
    public async Task The_engine_its_version_and_how_it_was_recognised_are_told()
    {
        Answer("/metrics", Vllm.First);
        Answer("/version", """{"version":"0.10.1"}""");
        var result = await ProbeAsync(Auto);
        Assert.True(result.Ok);
        Assert.Contains("vLLM 0.10.1 serves WeiboAI/VibeThinker-1.5B (its families begin with vllm:)", result.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vllm-0.10", "/version", """{"version":"0.10.1"}""", "vLLM 0.10.1")]
    [InlineData("sglang", "/get_server_info", """{"model_path":"m","version":"0.5.10"}""", "SGLang 0.5.10")]
    [InlineData("tgi", "/info", """{"model_id":"m","version":"3.3.7"}""", "Text Generation Inference 3.3.7")]
    [InlineData("tei", "/info", """{"model_id":"m","version":"1.8.2","model_type":{}}""", "Text Embeddings Inference 1.8.2")]
    [InlineData("llamacpp", "/props", """{"total_slots":1,"build_info":"b9014","model_path":"/m/x.gguf"}""", "llama.cpp b9014")]
    public async Task A_kind_that_is_set_has_its_version_told_too(string pages, string path, string body, string told)
    {
        var engine = new EnginePages(pages);
        Answer("/metrics", engine.First);
        Answer(path, body);
        Assert.Contains(told, (await ProbeAsync(engine.Settings)).Text, StringComparison.Ordinal);
        Assert.Contains(told, (await ProbeAsync(engine.Settings with { Engine = EngineSourceSettings.Auto })).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/props", """{"total_slots":1,"build_info":"b9014"}""", "llama.cpp b9014", "--metrics")]
    [InlineData("/get_server_info", """{"model_path":"m","version":"0.5.10"}""", "SGLang 0.5.10", "--enable-metrics")]
    [InlineData("/api/version", """{"version":"0.13.0"}""", "Ollama 0.13.0", "no metrics")]
    public async Task Metrics_that_are_off_are_told_with_the_flag_of_that_engine(string path, string body, string engine, string flag)
    {
        _answers["/metrics"] = FetchOutcome.Failed(ErrorClass.MetricsDisabled, "http://127.0.0.1:8000/metrics answers 404");
        Answer(path, body);
        var result = await ProbeAsync(Auto);
        Assert.Equal((false, ErrorClass.MetricsDisabled), (result.Ok, result.Error));
        Assert.Contains(engine, result.Text, StringComparison.Ordinal);
        Assert.Contains(flag, result.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_engine_of_another_kind_than_the_one_that_is_set_is_named()
    {
        _answers["/metrics"] = FetchOutcome.Failed(ErrorClass.MetricsDisabled, "answers 501");
        Answer("/props", """{"total_slots":1,"build_info":"b9014"}""");
        Assert.Contains("llama.cpp b9014 answers there", (await ProbeAsync(Vllm.Settings)).Text, StringComparison.Ordinal);

        Answer("/metrics", new EnginePages("sglang").First);
        Assert.Contains("set kind = \"sglang\"", (await ProbeAsync(Vllm.Settings)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_web_page_is_the_wrong_port()
    {
        Answer("/metrics", "<!doctype html><html></html>", "text/html");
        var result = await ProbeAsync(Auto);
        Assert.Equal(ErrorClass.WrongContent, result.Error);
        Assert.Contains("right port", result.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:8000/metrics")]
    [InlineData("http://127.0.0.1:8000")]
    public async Task A_page_under_another_engines_path_is_found(string endpoint)
    {
        Answer("/metrics", "[]", "application/json");
        Answer("/prometheus/metrics", new EnginePages("trtllm").First);
        using var client = Client(Auto with { Endpoint = new Uri(endpoint) });
        Assert.Contains("trtllm", Encoding.UTF8.GetString((await client.FetchAsync(CancellationToken.None)).Page!.Body.Span), StringComparison.Ordinal);

        // From then on it is the page.
        _asked.Clear();
        await client.FetchAsync(CancellationToken.None);
        Assert.Equal(["/prometheus/metrics"], _asked);
    }

    [Fact]
    public async Task A_server_without_metrics_is_asked_who_it_is_once()
    {
        _answers["/metrics"] = FetchOutcome.Failed(ErrorClass.MetricsDisabled, "answers 404");
        using var client = Client(Auto);
        var first = await client.FetchAsync(CancellationToken.None);
        _asked.Clear();
        Assert.Equal(first, await client.FetchAsync(CancellationToken.None));
        Assert.Equal(["/metrics"], _asked);
    }

    [Fact]
    public async Task Llama_cpp_that_is_too_busy_for_its_metrics_but_healthy_is_busy()
    {
        var settings = new EnginePages("llamacpp").Settings;
        _answers["/metrics"] = FetchOutcome.Failed(ErrorClass.Timeout, "no answer within 3 s");
        using var client = Client(settings);
        Assert.Equal(ErrorClass.Timeout, (await client.FetchAsync(CancellationToken.None)).Error);
        Answer("/health", """{"status":"ok"}""");
        var busy = await client.FetchAsync(CancellationToken.None);
        Assert.Equal((ErrorClass.Busy, true), (busy.Error, busy.IsAlive));
        var adapter = EngineSource.AdapterOf(settings);
        var status = Collection.Conclude(settings.Key, adapter, new CounterState(adapter.Origin, EnginePages.Epoch), busy, TimeSpan.FromSeconds(3), EnginePages.Epoch).Report.Status!;
        Assert.True(status.IsUp);
    }

    [Fact]
    public async Task What_stands_beside_a_page_never_costs_the_page()
    {
        var pages = new EnginePages("llamacpp");
        Answer("/metrics", pages.First);
        Answer("/slots", "[{\"is_processing\":");
        using var client = Client(pages.Settings);
        var read = EngineSource.AdapterOf(pages.Settings).Read(pages.Fresh(), (await client.FetchAsync(CancellationToken.None)).Page!);
        Assert.Null(read.Error);
        Assert.Equal((1, "unknown"), (read.Gauges[0].Running!.Value, read.Gauges[0].Series.Model));
    }

    [Fact]
    public void Another_engine_under_the_address_begins_anew()
    {
        var sglang = new EnginePages("sglang");
        var one = Vllm.Read(Vllm.Fresh(), Vllm.First, 10, Auto);
        var two = Vllm.Read(one.State, sglang.First, 20, Auto);
        Assert.All(EnginePages.Totals(two).Values, t => Assert.True(t.IsEmpty));
        Assert.NotEqual(one.Recognised, two.Recognised);
        Assert.Equal(6, EnginePages.Totals(Vllm.Read(two.State, sglang.Second, 30, Auto))["vibe"].Requests);
    }

    [Fact]
    public void A_page_that_lost_its_families_stays_what_it_was()
    {
        var one = Vllm.Read(Vllm.Fresh(), Vllm.First, 10, Auto);
        var two = Vllm.Read(one.State, "# TYPE python_info gauge\npython_info 1\n", 20, Auto);
        Assert.Equal(ErrorClass.MetricsDisabled, two.Error);
        Assert.Equal(4, EnginePages.Totals(Vllm.Read(two.State, Vllm.Second, 30, Auto)).Values.Single().Requests);
    }

    [Theory]
    [InlineData("# TYPE DCGM_FI_DEV_GPU_UTIL gauge\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 1\n", "kind = \"dcgm\"")]
    [InlineData("# TYPE go_goroutines gauge\ngo_goroutines 9\n", "kind = \"prometheus\"")]
    public void What_is_no_engine_is_told_with_what_to_do(string body, string told)
    {
        var read = Vllm.Read(Vllm.Fresh(), body, 10, Auto);
        Assert.NotNull(read.Error);
        Assert.Contains(told, read.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public void A_whole_page_gives_its_engine_and_the_figures_since_its_start()
    {
        var (engine, figures, _) = EngineRecognition.Read(Encoding.UTF8.GetBytes(Vllm.Second))!.Value;
        Assert.Equal("vllm", engine.Kind);
        Assert.Contains(("vllm:kv_cache_usage_perc", "kv_cache_percent"), engine.Families);
        Assert.Equal(7, figures.Single(f => f.Figure == "requests").Value);
        Assert.Equal(9100, figures.Single(f => f.Figure == "output_tokens").Value);
        Assert.Equal(25, figures.Single(f => f.Figure == "kv_cache_percent").Value);
        Assert.Null(EngineRecognition.Read("up 1\n"u8.ToArray()));
    }

    private sealed class Path(AutoTests server, Uri endpoint, PageWanted wanted) : ISourceClient
    {
        public Task<FetchOutcome> FetchAsync(CancellationToken cancellation)
        {
            server._asked.Add(endpoint.AbsolutePath);
            return Task.FromResult(server._answers.TryGetValue(endpoint.AbsolutePath, out var answer)
                ? answer
                : FetchErrors.FromStatus(System.Net.HttpStatusCode.NotFound, endpoint, wanted.DisabledCure));
        }

        public void Dispose()
        {
        }
    }
}
