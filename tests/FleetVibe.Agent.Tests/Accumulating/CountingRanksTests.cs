using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Metrics.Windows;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Accumulating;

public class CountingRanksTests
{
    private static readonly VibeThinkerSourceSettings Summary = new() { Endpoint = new Uri("http://127.0.0.1:8080/metrics"), Name = "script" };

    [Fact]
    public void A_log_counts_and_the_engine_beside_it_does_not()
    {
        var decisions = CountingRanks.Decide([RequestLog, Vllm, Gpus]);

        Assert.Equal([true, false, false], decisions.Select(decision => decision.Counts));
        Assert.Contains(RequestLog.Key, decisions[1].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void An_engine_counts_above_a_summary() =>
        Assert.Equal([true, false], CountingRanks.Decide([Vllm with { Model = null, Task = null }, Summary]).Select(decision => decision.Counts));

    [Fact]
    public void Several_of_the_highest_rank_all_count() =>
        Assert.All(CountingRanks.Decide([RequestLog, RequestLog with { Name = "second" }]), decision => Assert.True(decision.Counts));

    [Fact]
    public void Sources_of_different_models_do_not_touch_each_other() =>
        Assert.All(CountingRanks.Decide([RequestLog, Vllm with { Model = "other-model" }]), decision => Assert.True(decision.Counts));

    [Fact]
    public void Counts_overrides_the_ranking()
    {
        Assert.Equal([false, true], CountingRanks.Decide([RequestLog with { Counts = false }, Vllm]).Select(decision => decision.Counts));
        var both = CountingRanks.Decide([RequestLog, Vllm with { Counts = true }]);
        Assert.True(both[1].Counts);
        Assert.Contains("may count the same requests", both[1].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_source_that_leaves_its_model_open_may_feed_any_series()
    {
        SourceSettings log = RequestLog with { Model = null, Task = null };
        SourceSettings engine = Vllm with { Model = null, Task = null };

        Assert.False(CountingRanks.Counts([log, engine], engine, new SeriesId("whatever", "default")));
        Assert.True(CountingRanks.Counts([log, engine], log, new SeriesId("whatever", "default")));
    }

    [Fact]
    public void An_engine_without_a_task_is_taken_to_be_the_one_that_the_log_names()
    {
        SourceSettings engine = Vllm with { Task = null };

        Assert.False(CountingRanks.Counts([RequestLog, engine], engine, new SeriesId("m", "default")));
        Assert.False(CountingRanks.Decide([RequestLog, engine])[1].Counts);
    }

    [Fact]
    public void An_engine_counts_the_models_that_no_log_is_configured_for()
    {
        SourceSettings engine = Vllm with { Model = null, Task = null };

        Assert.False(CountingRanks.Counts([RequestLog, engine], engine, new SeriesId("m", "default")));
        Assert.True(CountingRanks.Counts([RequestLog, engine], engine, new SeriesId("lora-7", "default")));
        Assert.StartsWith("except where", CountingRanks.Decide([RequestLog, engine])[1].Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, false, true)]
    [InlineData("ttft_ms", true, false)]
    public void Ttft_comes_from_the_highest_rank_that_has_one(string? field, bool log, bool engine)
    {
        SourceSettings configured = RequestLog with { Fields = new LogFields { Ttft = field } };

        Assert.Equal(log, CountingRanks.GivesTtft([configured, Vllm], configured, Chat));
        Assert.Equal(engine, CountingRanks.GivesTtft([configured, Vllm], Vllm, Chat));
    }
}
