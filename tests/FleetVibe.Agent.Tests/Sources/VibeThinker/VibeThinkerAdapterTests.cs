using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Agent.Sources.VibeThinker;
using FleetVibe.Metrics.Histograms;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Tests.Sources.VibeThinker;

public class VibeThinkerAdapterTests
{
    private static readonly DateTimeOffset Epoch = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);

    private static VibeThinkerAdapter Adapter(params (string Name, string Path)[] map) => new(new VibeThinkerSourceSettings
    {
        Endpoint = new Uri("https://gpu-node-02:8080/metrics"),
        Map = map.ToDictionary(m => m.Name, m => m.Path),
    });

    private static PolledPage Read(VibeThinkerAdapter adapter, CounterState? state, string json, double at) =>
        adapter.Read(state ?? new CounterState(adapter.Origin, Epoch), new FetchedPage(Encoding.UTF8.GetBytes(json), "application/json", Epoch.AddSeconds(at)));

    private static SeriesTotals Second(VibeThinkerAdapter adapter, string first, string second) =>
        Assert.Single(Read(adapter, Read(adapter, null, first, 10).State, second, 20).Deltas).Totals;

    [Fact]
    public void Counters_since_the_servers_start_become_differences_and_gauges_stay_gauges()
    {
        var adapter = Adapter();
        var first = Read(adapter, null, """{"requests":10,"input_tokens":500,"output_tokens":9000,"errors":1,"response_time_ms":812.5,"gpu_util_percent":97}""", 10);
        var second = Read(adapter, first.State, """{"requests":14,"input_tokens":620,"output_tokens":9900,"errors":2,"response_time_ms":790,"gpu_util_percent":95.5}""", 20);
        var delta = Assert.Single(second.Deltas);
        Assert.Equal(new SeriesId("vibethinker-1.5b", "algorithm_reasoning"), delta.Series);
        Assert.Equal((4, 1, 120, 900), (delta.Totals.Requests, delta.Totals.Errors, delta.Totals.InputTokens, delta.Totals.OutputTokens));
        Assert.Equal((790d, 95.5), (second.Gauges[0].ResponseTimeMs!.Value, second.Gauges[0].GpuUtilPercent!.Value));
    }

    [Fact]
    public void Without_requests_only_tokens_and_errors_are_counted_and_no_latency_ever()
    {
        var totals = Second(Adapter(), """{"input_tokens":1,"output_tokens":2,"errors":0,"response_time_ms":5}""", """{"input_tokens":4,"output_tokens":9,"errors":1,"response_time_ms":5}""");
        Assert.Equal((0, 1, 3, 7), (totals.Requests, totals.Errors, totals.InputTokens, totals.OutputTokens));
        Assert.Equal(Precision.None, totals.ResponseTime.Precision);
    }

    [Fact]
    public void A_map_names_nested_paths_and_kinds()
    {
        var adapter = Adapter(("requests", "stats.total.count"), ("input_tokens", "last.in gauge"), ("gpu_util_percent", "gpu.0"));
        var totals = Second(adapter, """{"stats":{"total":{"count":"3"}},"last":{"in":900},"gpu.0":50}""", """{"stats":{"total":{"count":"5"}},"last":{"in":950},"gpu.0":51}""");
        Assert.Equal((2, 0), (totals.Requests, totals.InputTokens));
        Assert.Equal(51, Read(adapter, null, """{"gpu.0":51}""", 10).Gauges[0].GpuUtilPercent);
    }

    [Fact]
    public void Another_map_is_another_origin() =>
        Assert.NotEqual(Adapter().Origin, Adapter(("requests", "stats.count")).Origin);

    [Fact]
    public void A_server_that_began_again_is_counted_from_zero_counter_by_counter()
    {
        var adapter = Adapter();
        var second = Read(adapter, Read(adapter, null, """{"requests":100,"output_tokens":9000,"errors":3}""", 10).State, """{"requests":2,"output_tokens":60,"errors":4}""", 20);
        var totals = Assert.Single(second.Deltas).Totals;

        // errors may be no counter at all: it does not speak for the others, nor they for it.
        Assert.Equal((2, 60, 1), (totals.Requests, totals.OutputTokens, totals.Errors));
        Assert.Equal(1, second.Restarts);
    }

    [Fact]
    public void Pythons_NaN_costs_its_figure_and_no_other()
    {
        var page = Read(Adapter(), null, """{"note":"NaN \" Infinity","requests":5,"response_time_ms":NaN,"gpu_util_percent":-Infinity}""", 10);
        Assert.Null(page.Error);
        Assert.Null(page.Gauges[0].ResponseTimeMs);
        Assert.Null(page.Gauges[0].GpuUtilPercent);
        Assert.Single(page.State.Baselines);
    }

    [Theory]
    [InlineData("""{"requests":-1}""")]
    [InlineData("""{"requests":1e300}""")]
    [InlineData("""{"requests":"many"}""")]
    [InlineData("""{"requests":{}}""")]
    public void What_is_no_count_is_skipped_counted_and_made_up_for_later(string damage)
    {
        var adapter = Adapter();
        var bad = Read(adapter, Read(adapter, null, """{"requests":5}""", 10).State, damage, 20);
        Assert.Equal(1, bad.SamplesSkipped);
        Assert.True(bad.Deltas.All(d => d.Totals.IsEmpty));
        Assert.Equal(3, Assert.Single(Read(adapter, bad.State, """{"requests":8}""", 30).Deltas).Totals.Requests);
    }

    [Theory]
    [InlineData("<html></html>")]
    [InlineData("[1,2]")]
    [InlineData("a 1\n")]
    [InlineData("""{"detail":"Not Found"}""")]
    [InlineData("""{"requests":""")]
    public void What_is_no_summary_is_wrong_content(string body) =>
        Assert.Equal(ErrorClass.WrongContent, Read(Adapter(), null, body, 10).Error);

    [Fact]
    public void A_summary_without_the_figures_is_told_with_what_it_has() =>
        Assert.Contains("alpha, beta", Read(Adapter(), null, """{"alpha":1,"beta":2}""", 10).ErrorText, StringComparison.Ordinal);

    [Fact]
    public void Two_looks_tell_a_counter_that_fell()
    {
        var fallen = Adapter().FallenCounters(
            Encoding.UTF8.GetBytes("""{"requests":5,"input_tokens":900,"response_time_ms":9}"""),
            Encoding.UTF8.GetBytes("""{"requests":6,"input_tokens":120,"response_time_ms":3}"""));
        Assert.Equal(["input_tokens"], fallen);
    }

    [Fact]
    public void A_page_with_half_a_character_is_wrong_content_and_no_crash()
    {
        var adapter = Adapter();
        Assert.Equal(ErrorClass.WrongContent, Read(adapter, null, """{"requests":"\ud800"}""", 10).Error);
        Assert.Equal(ErrorClass.WrongContent, Read(adapter, null, """{"\ud800":1,"requests":1}""", 10).Error);
        byte[] broken = [.. """{"requests":1,"a"""u8, 0xff, .. "\":2}"u8];
        Assert.Equal(ErrorClass.WrongContent, adapter.Read(new CounterState(adapter.Origin, Epoch), new FetchedPage(broken, "application/json", Epoch)).Error);
    }
}
