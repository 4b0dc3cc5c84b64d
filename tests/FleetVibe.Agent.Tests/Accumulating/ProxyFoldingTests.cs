using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Points;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Tests.Sources.Proxy;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Accumulating;

public class ProxyFoldingTests
{
    private static readonly SourceSettings Proxy = TestProxy.Settings with { Model = "m", Task = "chat" };

    [Fact]
    public void Requests_that_nobody_can_report_again_are_stored_within_a_second()
    {
        var state = State(Settings(Proxy, RequestLog));
        state.TakeBatch(At(3), 0);
        state.Fold(Lines(1, Request(3)), At(3.5));
        Assert.False(state.IsTransactionDue(At(5)));

        state.Fold(new SourceReport(Proxy.Key) { Requests = [Request(3)], Checkpoint = [1] }, At(3.5));
        Assert.False(state.IsTransactionDue(At(3.9)));
        Assert.True(state.IsTransactionDue(At(4)));
        Assert.Equal(2, state.TakeBatch(At(4), 0).OpenRequests);
        Assert.False(state.IsTransactionDue(At(6)));
    }

    [Fact]
    public void The_time_between_tokens_stands_in_the_point_of_the_model()
    {
        var settings = Settings(Proxy);
        var state = State(settings);
        state.Fold(new SourceReport(Proxy.Key) { Requests = [Request(3, ttft: 0.1)], Gauges = [new ModelGauges(Chat, At(9)) { InterTokenMs = 12.5 }] }, At(9));
        var stored = StoredWindowMapper.FromStored(StoredWindowMapper.ToStored(state.TakeBatch(At(12), 0).Closing.Single(closing => closing.Part.Start == Start).Part));

        var point = Assert.Single(new NodePoints(settings, new NodeFacts()).Of(stored, stored, null));
        Assert.Equal((12.5, 1L), (point.Get("inter_token_ms")!.Float, point.Get("requests")!.Integer));
        Assert.Equal(100, point.Get("ttft_p50_ms")!.Float, 1.0);
    }

    [Fact]
    public void A_proxy_counts_in_place_of_the_engines_page()
    {
        var decisions = CountingRanks.Decide([Proxy, Vllm]);
        Assert.Equal([(true, true), (false, false)], decisions.Select(decision => (decision.Counts, decision.GivesTtft)));
    }
}
