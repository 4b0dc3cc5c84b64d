using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Metrics.Histograms;
using FleetVibe.Metrics.Windows;
using static FleetVibe.Agent.Tests.Sources.Vllm.VllmPages;

namespace FleetVibe.Agent.Tests.Sources.Vllm;

public class VllmAdapterTests
{
    private static SeriesTotals Total(PolledPage page)
    {
        var total = new SeriesTotals();
        foreach (var delta in page.Deltas)
        {
            total.Merge(delta.Totals);
        }

        return total;
    }

    [Fact]
    public void Requests_errors_tokens_and_latency_are_differences_of_two_pages()
    {
        var first = Fresh().Read(Engine(latency: [1, 2, 3, 4], prompt: 100, generated: 1000, stop: 2, length: 1, abort: 1, sum: 90), 10);
        var second = first.State.Read(Engine(latency: [1, 4, 6, 9], prompt: 150, generated: 1900, stop: 5, length: 2, abort: 2, sum: 290.5), 20);

        Assert.Null(first.Error);
        Assert.True(Total(first).IsEmpty);
        var delta = Assert.Single(second.Deltas);
        Assert.Equal(new SeriesId(Model, "default"), delta.Series);
        Assert.Equal((Epoch.AddSeconds(10), Epoch.AddSeconds(20)), (delta.From, delta.To));
        Assert.Equal((5, 1, 1), (delta.Totals.Requests, delta.Totals.Errors, delta.Totals.LengthLimited));
        Assert.Equal((50, 900), (delta.Totals.InputTokens, delta.Totals.OutputTokens));
        Assert.Equal((5, Precision.Bucket), (delta.Totals.ResponseTime.Count, delta.Totals.ResponseTime.Precision));
        Assert.Equal((200_500_000, 2), (delta.Totals.ResponseTime.Estimate.SumMicros, delta.Totals.ResponseTime.Overflow));
        Assert.Equal((5, 20_050_000), (delta.Totals.Ttft.Count, delta.Totals.Ttft.Estimate.SumMicros));
    }

    [Theory]
    [InlineData("vllm:", "kv_cache_usage_perc")]
    [InlineData("vllm:", "gpu_cache_usage_perc")]
    [InlineData("vllm_", "kv_cache_usage_perc")]
    [InlineData("ray_vllm:", "gpu_cache_usage_perc")]
    [InlineData("ray_vllm_", "kv_cache_usage_perc")]
    public void Every_spelling_of_a_release_reads_alike(string prefix, string kv)
    {
        var first = Fresh().Read(Engine(latency: [0, 0, 0, 0], prefix: prefix, kv: kv), 10);
        var second = first.State.Read(Engine(latency: [1, 2, 3, 4], generated: 70, stop: 4, prefix: prefix, kv: kv), 20);
        Assert.Equal((4, 70), (Total(second).Requests, Total(second).OutputTokens));
        Assert.Equal(25, Assert.Single(second.Gauges).KvCachePercent);
    }

    [Fact]
    public void Counters_without_total_are_the_same_counters()
    {
        static string Bare(string page) => page.Replace("_total{", "{", StringComparison.Ordinal);
        var second = Fresh().Read(Engine(latency: [0, 0, 0, 0], prompt: 5), 10).State.Read(Bare(Engine(latency: [0, 0, 0, 1], prompt: 9, stop: 1)), 20);
        Assert.Equal((1, 4), (Total(second).Requests, Total(second).InputTokens));
    }

    [Fact]
    public void Where_old_and_new_kv_gauge_stand_together_the_new_one_holds()
    {
        var page = Engine(kvUse: 0.5) + Engine(kv: "gpu_cache_usage_perc", kvUse: 0.9).Split('\n').First(l => l.Contains("gpu_cache", StringComparison.Ordinal)) + "\n";
        Assert.Equal(50, Assert.Single(Fresh().Read(page, 10).Gauges).KvCachePercent);
    }

    [Fact]
    public void Engine_ranks_add_up_but_for_the_cache_whose_mean_is_taken()
    {
        string Page(long a, long b) => Engine("0", [0, 0, 0, a], generated: 10 * a, kvUse: 0.2, running: 3, waiting: 1)
            + Engine("1", [0, 0, 0, b], generated: 10 * b, kvUse: 0.6, running: 4, waiting: 2);
        var second = Fresh().Read(Page(100, 50), 10).State.Read(Page(104, 53), 20);
        Assert.Equal((7, 70), (Total(second).Requests, Total(second).OutputTokens));
        var gauges = Assert.Single(second.Gauges);
        Assert.Equal((7, 3), (gauges.Running, gauges.Waiting));
        Assert.Equal(40, gauges.KvCachePercent!.Value, 1e-9);
    }

    [Fact]
    public void A_doubled_family_counts_once()
    {
        string Doubled(string page) => page + page + page.Replace("vllm:", "ray_vllm_", StringComparison.Ordinal);
        var second = Fresh().Read(Doubled(Engine(latency: [1, 1, 1, 1], generated: 10)), 10).State.Read(Doubled(Engine(latency: [2, 2, 2, 3], generated: 30, stop: 2, running: 5)), 20);
        Assert.Equal((2, 20), (Total(second).Requests, Total(second).OutputTokens));
        Assert.Equal(5, second.Gauges[0].Running);
    }

    [Fact]
    public void An_engine_without_latency_counts_its_finishes()
    {
        var second = Fresh().Read(Engine(stop: 10, length: 2, abort: 1), 10).State.Read(Engine(stop: 14, length: 3, abort: 3), 20);
        Assert.Equal((7, 2, 1), (Total(second).Requests, Total(second).Errors, Total(second).LengthLimited));
        Assert.Equal(0, Total(second).ResponseTime.Count);
    }

    [Fact]
    public void Requests_are_not_counted_twice_when_the_latency_is_missing_for_a_page()
    {
        var one = Fresh().Read(Engine(latency: [1, 1, 1, 10], stop: 10), 10);
        var two = one.State.Read(Engine(stop: 15), 20);
        var three = two.State.Read(Engine(latency: [1, 1, 1, 18], stop: 18), 30);
        Assert.Equal((0, 8), (Total(two).Requests, Total(three).Requests));
    }

    [Fact]
    public void Requests_are_not_counted_twice_when_the_latency_turns_up_late()
    {
        var one = Fresh().Read(Engine(stop: 10), 10);
        var two = one.State.Read(Engine(latency: [1, 1, 1, 15], stop: 15), 20);
        var three = two.State.Read(Engine(latency: [1, 1, 1, 18], stop: 18), 30);
        Assert.Equal((5, 3), (Total(two).Requests, Total(three).Requests));
        Assert.Equal((0, 3), (Total(two).ResponseTime.Count, Total(three).ResponseTime.Count));
    }

    [Fact]
    public void A_restart_into_a_release_without_latency_goes_on_with_the_finishes_and_back()
    {
        var one = Fresh().Read(Engine(latency: [1, 1, 1, 50], stop: 50, generated: 9000), 10);
        var two = one.State.Read(Engine(stop: 4, generated: 40), 20);
        var three = two.State.Read(Engine(stop: 6, generated: 60), 30);
        var four = three.State.Read(Engine(latency: [1, 1, 1, 1], stop: 1, generated: 6), 40);
        var five = four.State.Read(Engine(latency: [1, 1, 1, 3], stop: 3, generated: 8), 50);
        Assert.Equal([4, 2, 1, 2], new[] { two, three, four, five }.Select(p => Total(p).Requests));
        Assert.Equal([1, 0, 1, 0], new[] { two, three, four, five }.Select(p => p.Restarts));
    }

    [Fact]
    public void A_restart_between_pages_counts_whole_and_once()
    {
        var one = Fresh().Read(Process(-100) + Engine("0", [1, 1, 1, 50], generated: 9000) + Engine("1", [1, 1, 1, 50], generated: 9000), 10);
        var two = one.State.Read(Process(14) + Engine("0", [5, 5, 60, 60], generated: 9500) + Engine("1", [1, 1, 1, 2], generated: 20), 20);
        Assert.Equal((62, 9520, 1), (Total(two).Requests, Total(two).OutputTokens, two.Restarts));
        Assert.All(two.Deltas, d => Assert.Equal(Epoch.AddSeconds(14), d.From));
    }

    [Fact]
    public void An_engine_that_began_under_the_watch_counts_from_its_first_page()
    {
        var one = Fresh().Read(Process(3) + Engine(latency: [0, 1, 1, 2], stop: 2, generated: 40), 10);
        Assert.Equal((2, 40), (Total(one).Requests, Total(one).OutputTokens));
    }

    [Fact]
    public void Behind_ray_the_answering_process_says_nothing_about_the_engines()
    {
        var one = Fresh().Read(Process(3) + Engine(latency: [0, 1, 1, 2], stop: 2, prefix: "ray_vllm_"), 10);
        Assert.Equal(0, Total(one).Requests);
    }

    [Fact]
    public void What_is_no_number_is_skipped_counted_and_made_up_for_later()
    {
        var good = Engine(latency: [1, 1, 1, 10], generated: 100, prompt: 10);
        var bad = string.Join('\n', good.Split('\n').Select(l => l.StartsWith('#') || l.Length == 0 ? l : l[..(l.LastIndexOf(' ') + 1)] + "NaN"));
        foreach (var damage in new[] { bad, bad.Replace("NaN", "-5", StringComparison.Ordinal), bad.Replace("NaN", "1e300", StringComparison.Ordinal), bad.Replace("NaN", "+Inf", StringComparison.Ordinal) })
        {
            var one = Fresh().Read(good, 10);
            var two = one.State.Read(damage, 20);
            var three = two.State.Read(Engine(latency: [1, 1, 1, 13], generated: 130, prompt: 13, stop: 3), 30);
            Assert.Equal(ErrorClass.WrongContent, two.Error);
            Assert.True(Total(two).IsEmpty);
            Assert.True(two.SamplesSkipped >= 7, $"{two.SamplesSkipped} skipped");
            Assert.Equal((3, 30, 3), (Total(three).Requests, Total(three).OutputTokens, Total(three).InputTokens));
        }
    }

    [Fact]
    public void A_page_of_NaN_at_first_sight_makes_the_next_one_a_baseline()
    {
        var good = Engine(latency: [1, 1, 1, 10], generated: 100);
        var bad = string.Join('\n', good.Split('\n').Select(l => l.StartsWith('#') || l.Length == 0 ? l : l[..(l.LastIndexOf(' ') + 1)] + "NaN"));
        Assert.True(Total(Fresh().Read(bad, 10).State.Read(good, 20)).IsEmpty);
    }

    [Fact]
    public void A_missing_infinite_bucket_comes_out_of_the_count()
    {
        static string Without(string page) => string.Join('\n', page.Split('\n').Where(l => !l.Contains("+Inf", StringComparison.Ordinal)));
        var two = Fresh().Read(Without(Engine(latency: [0, 0, 0, 0])), 10).State.Read(Without(Engine(latency: [1, 2, 3, 5], stop: 5)), 20);
        Assert.Equal((5, 5, 2), (Total(two).Requests, Total(two).ResponseTime.Count, Total(two).ResponseTime.Overflow));
    }

    [Fact]
    public void A_newline_and_quotes_in_a_model_name_are_read_and_made_harmless()
    {
        const string Raw = "a \\\"b\\\" \\\\ c, d}\\ne";
        var gauges = Assert.Single(Fresh().Read(Engine(model: Raw), 10).Gauges);
        Assert.Equal("a \"b\" \\ c, d} e", gauges.Series.Model);
    }

    [Fact]
    public void The_configuration_names_the_series_where_it_does()
    {
        var settings = Settings with { Model = "vibe", Task = "math", Variant = "b" };
        var page = Fresh().Read(Engine(latency: [0, 0, 0, 0]), 10, settings);
        Assert.Equal(new SeriesId("vibe", "math", "b"), Assert.Single(page.Deltas).Series);
    }

    [Theory]
    [InlineData("<!doctype html><html></html>", "text/html", ErrorClass.WrongContent)]
    [InlineData("<html>", "text/plain", ErrorClass.WrongContent)]
    [InlineData("{\"error\":\"no route\"}", "application/json", ErrorClass.WrongContent)]
    [InlineData("[1]", "text/plain", ErrorClass.WrongContent)]
    [InlineData("hello\n", "text/plain", ErrorClass.WrongContent)]
    [InlineData("# TYPE python_info gauge\npython_info 1\n", "text/plain", ErrorClass.MetricsDisabled)]
    [InlineData("vllm:num_requests_running{ 1\n", "text/plain", ErrorClass.WrongContent)]
    [InlineData("# TYPE vllm_a counter\nvllm:prompt_tokens_total 5\n", "application/openmetrics-text", null)]
    public void What_is_not_the_page_is_told_apart(string body, string mediaType, ErrorClass? error)
    {
        var page = new EngineAdapter(Settings).Read(Fresh(), Page(body, 10, mediaType));
        Assert.Equal(error, page.Error);
        Assert.Equal(error is null, page.ErrorText.Length == 0);
        if (error == ErrorClass.MetricsDisabled)
        {
            Assert.Contains("--disable-log-stats", page.ErrorText, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_empty_page_is_up_without_data_and_no_reset()
    {
        var one = Fresh().Read(Engine(latency: [0, 0, 0, 7]), 10);
        var two = one.State.Read("", 20);
        Assert.Null(two.Error);
        Assert.Same(one.State, two.State);
        Assert.Equal(1, Total(two.State.Read(Engine(latency: [0, 0, 0, 8], stop: 1), 30)).Requests);
    }

    [Fact]
    public void Half_a_number_at_the_end_of_a_cut_page_is_not_a_fall()
    {
        const string Line = "vllm:generation_tokens_total{engine=\"0\",model_name=\"m\"} ";
        var one = Fresh().Read(Line + "123456\n", 10);
        var two = one.State.Read("vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 1\n" + Line + "12", 20);
        Assert.True(Total(two).IsEmpty);
        Assert.Equal(1, two.SamplesSkipped);
        Assert.Equal(4, Total(two.State.Read(Line + "123460\n", 30)).OutputTokens);
    }

    [Fact]
    public void A_page_with_more_series_than_any_server_has_is_bounded()
    {
        var page = string.Concat(Enumerable.Range(0, 5000).Select(i => $"vllm:prompt_tokens_total{{model_name=\"m{i}\"}} 1\n"));
        var read = Fresh().Read(page, 10);
        Assert.Equal(2000, read.State.Baselines.Count);
        Assert.Equal(3000, read.SamplesSkipped);
    }
}
