using CsCheck;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Points;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Accumulating;

/// <summary>Other sources while windows are open.</summary>
public sealed class ChangeTests : IDisposable
{
    private readonly TestSpool _spool = new();

    public void Dispose() => _spool.Dispose();

    private CommitResult Commit(AccumulatorState state, AgentSettings settings, double at) =>
        _spool.Store.Commit(state.TakeBatch(At(at), 0), new WindowCloser(settings, new NodeFacts { Retired = state.Retired }));

    private static SourceReport Scrape(byte checkpoint, double from, double to, int requests) =>
        new(Vllm.Key) { Deltas = [Delta(from, to, requests)], Checkpoint = [checkpoint], Status = Ok(to) };

    private static long Counted(AccumulatorState state, double at) =>
        state.TakeBatch(At(at), 0).Closing.Sum(window => window.Part.CountedRequests);

    [Fact]
    public void The_open_window_of_a_source_that_is_gone_is_closed_and_told()
    {
        var before = Settings(RequestLog, Gpus);
        var state = State(before);
        state.Fold(Lines(1, Request(1), Request(2)) with { Status = Ok(3) }, At(3));
        var after = Settings(Gpus);
        state.Change(after, At(4));

        var result = Commit(state, after, 12);

        var contents = _spool.Store.ContentsOf(result);
        Assert.Equal(2, result.RequestsIn(_spool.Store));
        Assert.Equal(2, contents.PointOf("vibe_model").Get("requests")!.Integer);
        Assert.Equal("log", contents.PointOf("vibe_target").Tag("target"));
    }

    [Fact]
    public void A_source_that_saw_nothing_in_its_last_window_says_so_and_is_not_expected_after()
    {
        var state = State(Settings(RequestLog, Gpus));
        state.Fold(new SourceReport(RequestLog.Key) { Status = Ok(3) }, At(3));
        var after = Settings(Gpus);
        state.Change(after, At(4));

        var contents = _spool.Store.ContentsOf(Commit(state, after, 12));
        Assert.Equal(0u, Assert.Single(contents.SelectMany(content => content.Contributions)).Totals.Requests);
        Assert.Empty(_spool.Store.ContentsOf(Commit(state, after, 22)).SelectMany(content => content.Contributions));
        var said = state.Describe(At(22));
        Assert.Equal("m", Assert.Single(said.Withdrawn).Model);
        Assert.Empty(said.Series);
        Assert.DoesNotContain(said.Sources, source => source.Kind == "json_log");
        Assert.Empty(state.Describe(At(300)).Withdrawn);
    }

    [Fact]
    public void A_series_that_another_source_goes_on_feeding_is_not_withdrawn()
    {
        var state = State(Settings(RequestLog, Vllm));
        state.Fold(new SourceReport(RequestLog.Key) { Status = Ok(3) }, At(3));
        state.Change(Settings(Vllm), At(4));

        Assert.Empty(state.Describe(At(5)).Withdrawn);
        Assert.Single(state.Describe(At(5)).Series);
    }

    [Fact]
    public void An_engine_whose_log_is_gone_counts_from_the_change_and_nothing_before_it()
    {
        var state = State(Settings(RequestLog, Vllm));
        state.Fold(Lines(1, Request(1), Request(2)), At(3));
        state.Fold(Scrape(1, 0, 9.5, 2), At(9.5));
        state.Change(Settings(Vllm), At(14));

        // It began before the change: the log counted a part of it.
        state.Fold(Scrape(2, 9.5, 19.5, 5), At(19.5));
        state.Fold(Scrape(3, 19.5, 29.5, 7), At(29.5));

        Assert.Equal(2 + 7, Counted(state, 32));
    }

    [Fact]
    public void An_engine_beside_a_new_log_keeps_what_it_counted_and_counts_no_more_in_the_same_window()
    {
        var state = State(Settings(Vllm));
        state.Fold(Scrape(1, 0, 1.5, 3), At(1.5));
        state.Change(Settings(RequestLog, Vllm), At(2));
        state.Fold(Scrape(2, 1.5, 9.5, 5), At(9.5));
        state.Fold(Lines(1, Request(3), Request(4)), At(9.7));

        Assert.Equal(3 + 2, Counted(state, 12));
    }

    [Fact]
    public void A_log_that_comes_back_goes_on_where_it_was()
    {
        var state = State(Settings(RequestLog, Gpus));
        state.Fold(Lines(7, Request(1)), At(3));
        state.Change(Settings(Gpus), At(4));
        state.Change(Settings(RequestLog, Gpus), At(60));

        Assert.Equal([7], state.CheckpointOf(RequestLog.Key));
        Assert.False(state.IsSuperseding(RequestLog.Key));
    }

    [Fact]
    public void A_log_whose_requests_an_engine_counted_meanwhile_begins_at_its_end()
    {
        var before = Settings(RequestLog, Gpus);
        var state = State(before);
        _spool.Store.Watch(RequestLog.Key, At(0));
        state.Fold(Lines(7, Request(1)), At(3));
        state.Change(Settings(Gpus), At(4));
        state.Change(Settings(Vllm), At(20));
        Commit(state, Settings(Vllm), 20);
        state.Fold(Scrape(1, 20, 30, 0), At(30));
        Assert.False(state.IsSuperseding(RequestLog.Key));
        state.Fold(Scrape(2, 30, 40, 1), At(40));
        Assert.True(state.IsSuperseding(RequestLog.Key));
        Assert.True(state.IsTransactionDue(At(40)));
        Commit(state, Settings(Vllm), 40);
        state.Change(Settings(RequestLog), At(60));

        Assert.False(state.IsSuperseding(RequestLog.Key));
        Assert.Null(state.CheckpointOf(RequestLog.Key));
        Assert.True(_spool.Store.Watch(RequestLog.Key, At(60)).IsFresh);
        Assert.False(_spool.Reopen().Checkpoints.ContainsKey(RequestLog.Key));
    }

    [Fact]
    public void A_log_beside_an_engine_that_served_nothing_meanwhile_goes_on_where_it_was()
    {
        var state = State(Settings(RequestLog));
        state.Fold(Lines(7, Request(1)), At(3));
        state.Change(Settings(Vllm), At(20));
        state.Fold(Scrape(1, 20, 30, 0), At(30));
        state.Change(Settings(RequestLog, Vllm), At(60));

        Assert.Equal([7], state.CheckpointOf(RequestLog.Key));
        Assert.False(state.IsSuperseding(RequestLog.Key));
    }

    [Fact]
    public void The_ledger_balances_over_any_changes()
    {
        SourceSettings[] all = [RequestLog, Vllm, Vllm with { Name = "replica" }, Gpus];
        var change = Gen.Int[1, 15].Select(mask => all.Where((_, i) => (mask & (1 << i)) != 0).ToArray());
        var step = Gen.Select(Gen.Int[0, 4], Gen.Int[0, 9], change);
        step.Array[1, 40].Sample(
            steps =>
            {
                var settings = Settings(all);
                var state = State(settings);
                using var spool = new TestSpool();
                var now = 0d;
                foreach (var (kind, requests, sources) in steps)
                {
                    now += 1.5;
                    switch (kind)
                    {
                        case 0:
                            state.Change(settings = Settings(sources), At(now));
                            break;
                        case 1:
                            state.Fold(Lines(1, [.. Enumerable.Range(0, requests).Select(_ => Request(now))]), At(now));
                            break;
                        default:
                            var engine = all[kind == 2 ? 1 : 2];
                            state.Fold(new SourceReport(engine.Key) { Deltas = [Delta(now - 1.5, now, requests)], Status = Ok(now) }, At(now));
                            break;
                    }

                    spool.Store.Commit(state.TakeBatch(At(now), 0), new WindowCloser(settings, new NodeFacts { Retired = state.Retired }));
                    var ledger = spool.Store.Status.Ledger;
                    Assert.Equal(ledger.Seen, ledger.Open + ledger.Spooled);
                }
            },
            iter: 200);
    }
}
