using FleetVibe.Agent.Changing;
using FleetVibe.Agent.Sources;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Changing;

public class HandOverTests
{
    [Fact]
    public void An_engine_whose_log_comes_or_goes_counts_otherwise_from_then_on()
    {
        Assert.Equal([Vllm], HandOver.Affected([RequestLog, Vllm], [Vllm], [Vllm]));
        Assert.Equal([Vllm], HandOver.Affected([Vllm], [RequestLog, Vllm], [Vllm]));
    }

    [Fact]
    public void Nothing_changes_for_one_that_sees_other_requests()
    {
        Assert.Empty(HandOver.Affected([RequestLog, Vllm], [RequestLog, Vllm, Gpus], [RequestLog, Vllm]));
        Assert.Empty(HandOver.Affected([RequestLog, Vllm], [RequestLog, Vllm, Vllm with { Name = "b", Model = "n" }], [RequestLog, Vllm]));
        SourceSettings second = RequestLog with { Name = "second" };
        Assert.Empty(HandOver.Affected([RequestLog, second], [second], [second]));
    }

    [Fact]
    public void A_source_is_superseded_by_another_rank_and_not_by_a_replica()
    {
        Assert.True(HandOver.IsSuperseded(RequestLog, Vllm, Chat));
        Assert.True(HandOver.IsSuperseded(Vllm, RequestLog, Chat));
        Assert.False(HandOver.IsSuperseded(RequestLog, RequestLog with { Name = "second" }, Chat));
        Assert.False(HandOver.IsSuperseded(RequestLog, Vllm with { Model = "other" }, Chat with { Model = "other" }));
        Assert.False(HandOver.IsSuperseded(RequestLog, Vllm with { Counts = true }, Chat));
    }

    [Fact]
    public void An_engine_that_names_no_model_supersedes_by_what_it_served()
    {
        var any = Vllm with { Model = null };
        Assert.False(HandOver.IsSuperseded(RequestLog, any, Chat with { Model = "other" }));
        Assert.True(HandOver.IsSuperseded(RequestLog, any, Chat));
    }
}
