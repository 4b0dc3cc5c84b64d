using Outcome = FleetVibe.Protocol.V1.CommitReply.Types.Outcome;

namespace FleetVibe.Gateway.Tests.Store;

public sealed class CommitTests : IDisposable
{
    private readonly TestLog _test = new();

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task A_commit_replaces_the_revision_that_it_names_and_no_other()
    {
        Assert.Equal(Outcome.Committed, (await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3))).Outcome);
        var second = await _test.CommitAsync(1, TestLog.Totals(5), TestLog.Part(2, 2));
        Assert.Equal((Outcome.Committed, 2UL), (second.Outcome, second.Revision));

        var stale = await _test.CommitAsync(1, TestLog.Totals(8), TestLog.Part(3, 3));

        Assert.Equal(Outcome.Lost, stale.Outcome);
        var state = await _test.Log.LoadWindowAsync(TestLog.Window());
        Assert.Equal(2UL, state.Revision);
        Assert.Equal(5UL, state.Totals.Requests);
        Assert.Equal([1UL, 2UL], state.Contributors.Select(c => c.Record.Seq));
        Assert.Equal(5UL, (await _test.Log.StatusAsync()).Committed);
    }

    [Fact]
    public async Task An_identical_retry_after_a_lost_reply_loses_and_the_reload_finds_its_parts()
    {
        var request = _test.Request(0, TestLog.Totals(3), TestLog.Part(1, 3));
        await _test.CommitAsync(request);

        var retry = await _test.CommitAsync(request.Clone());

        Assert.Equal(Outcome.Lost, retry.Outcome);
        var state = await _test.Log.LoadWindowAsync(TestLog.Window());
        Assert.Equal((1UL, 3UL), (state.Revision, state.Totals.Requests));
        Assert.Equal(TestLog.Part(1, 3), Assert.Single(state.Contributors));
        var status = await _test.Log.StatusAsync();
        Assert.Equal((3UL, 1UL, 1UL), (status.Committed, status.LostSwaps, status.Duplicates));
    }

    [Fact]
    public async Task A_part_that_has_a_fate_loses_though_the_base_is_current()
    {
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));

        Assert.Equal(Outcome.Lost, (await _test.CommitAsync(1, TestLog.Totals(6), TestLog.Part(1, 3))).Outcome);
        Assert.Equal(Outcome.Lost, (await _test.CommitAsync(1, TestLog.Totals(7), TestLog.Part(1, 4, hash: 8))).Outcome);
        Assert.Equal(Outcome.Lost, (await _test.CommitAsync(1, TestLog.Totals(7), TestLog.Part(2, 2), TestLog.Part(2, 2))).Outcome);
        Assert.Equal(3UL, (await _test.Log.StatusAsync()).Committed);
    }

    [Fact]
    public async Task A_dead_letter_is_a_fate_that_no_later_commit_overrides()
    {
        var refusal = new RefusePartRequest { Key = TestLog.Window(), Part = TestLog.Part(1, 3), Fate = Fate.Undecodable };
        Assert.Equal(Fate.Undecodable, await _test.Log.RefusePartAsync(refusal));

        Assert.Equal(Outcome.Lost, (await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3))).Outcome);
        var state = await _test.Log.LoadWindowAsync(TestLog.Window());
        Assert.Equal(Fate.Undecodable, Assert.Single(state.Refused).Fate);
        Assert.Equal(0UL, state.Totals.Requests);

        // And the other way about: a committed part cannot be refused.
        await _test.CommitAsync(0, TestLog.Totals(2), TestLog.Part(2, 2));
        refusal = new RefusePartRequest { Key = TestLog.Window(), Part = TestLog.Part(2, 2), Fate = Fate.Future };
        Assert.Equal(Fate.Committed, await _test.Log.RefusePartAsync(refusal));
        var node = Assert.Single((await _test.Log.StatusAsync()).Nodes);
        Assert.Equal((2UL, 0UL, 0UL, 3UL), (node.Committed, node.Late, node.Future, node.Undecodable));
    }

    [Fact]
    public async Task A_loaded_window_names_its_hosts_and_what_was_refused_of_it()
    {
        await _test.CommitAsync(0, TestLog.Totals(5), TestLog.Part(1, 3), TestLog.Part(2, 1), TestLog.Part(1, 1, "gpu-2", 2));
        await _test.Log.RefusePartAsync(new RefusePartRequest { Key = TestLog.Window(), Part = TestLog.Part(9, 7, "gpu-3", 3), Fate = Fate.Future });

        var state = await _test.Log.LoadWindowAsync(TestLog.Window());

        Assert.Equal(["gpu-1", "gpu-2"], state.Hosts);
        Assert.Equal(("gpu-3", 7UL, Fate.Future), Assert.Single(state.Refused) is var part ? (part.Record.Node, part.Requests, part.Fate) : default);
    }

    [Fact]
    public async Task A_node_says_how_many_spools_brought_its_records()
    {
        await _test.AdmitAsync("gpu-1", instance: 3);
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        Assert.Equal(1U, Assert.Single((await _test.Log.StatusAsync()).Nodes).Spools);

        await _test.CommitAsync(1, TestLog.Totals(5), TestLog.Part(1, 2, instance: 2));
        Assert.Equal(2U, Assert.Single((await _test.Log.StatusAsync()).Nodes).Spools);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(5)]
    public async Task Counts_that_do_not_add_up_lose(ulong requests)
    {
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        Assert.Equal(Outcome.Lost, (await _test.CommitAsync(1, TestLog.Totals(requests), TestLog.Part(2, 3))).Outcome);
    }

    [Fact]
    public async Task Nothing_that_was_committed_gets_less()
    {
        var old = TestLog.Totals(3, errors: 2);
        old.InputTokens = 10;
        old.OutputTokens = 20;
        old.LengthLimited = 1;
        await _test.CommitAsync(0, old, TestLog.Part(1, 3));
        foreach (var lessen in (Action<WindowTotals>[])[
            t => t.Errors--, t => t.InputTokens--, t => t.OutputTokens--, t => t.LengthLimited--, t => t.ResponseTime = TestLog.Totals(2).ResponseTime])
        {
            var totals = old.Clone();
            lessen(totals);
            Assert.Equal(Outcome.Lost, (await _test.CommitAsync(1, totals)).Outcome);
        }

        Assert.Equal(Outcome.Committed, (await _test.CommitAsync(1, old)).Outcome);
    }

    [Fact]
    public async Task Final_stays_and_backfill_is_counted_once()
    {
        var final = _test.Request(0, TestLog.Totals(3), TestLog.Part(1, 3));
        final.Final = true;
        await _test.CommitAsync(final);
        var backfill = _test.Request(1, TestLog.Totals(5), TestLog.Part(2, 2));
        backfill.Backfilled = 2;
        await _test.CommitAsync(backfill);
        var more = _test.Request(2, TestLog.Totals(6), TestLog.Part(3, 1));
        more.Backfilled = 3;
        await _test.CommitAsync(more);

        var state = await _test.Log.LoadWindowAsync(TestLog.Window());
        Assert.True(state.Final);
        Assert.Equal(3UL, state.Backfilled);
        Assert.Equal(3UL, (await _test.Log.StatusAsync()).Backfilled);
    }

    [Fact]
    public async Task Below_the_horizon_the_parts_are_late_once_and_no_window_is_made()
    {
        var old = TestLog.Start - 73 * 3600 - 10;
        var request = _test.Request(0, TestLog.Totals(3), TestLog.Part(1, 3));
        request.Key = TestLog.Window(old - old % 10);

        Assert.Equal(Outcome.Late, (await _test.CommitAsync(request)).Outcome);
        Assert.Equal(Outcome.Late, (await _test.CommitAsync(request.Clone())).Outcome);

        var status = await _test.Log.StatusAsync();
        Assert.Equal((0UL, 3UL, 0UL), (status.Committed, status.Late, status.PointsProduced));
        Assert.Equal(0UL, (await _test.Log.LoadWindowAsync(request.Key)).Revision);
    }

    [Fact]
    public async Task Another_log_is_refused()
    {
        var request = _test.Request(0, TestLog.Totals(3), TestLog.Part(1, 3));
        request.LogId = "another";
        Assert.Equal(Outcome.OtherLog, (await _test.CommitAsync(request)).Outcome);
        Assert.Equal(0UL, (await _test.Log.StatusAsync()).Committed);
    }

    [Fact]
    public async Task Below_the_floor_nothing_is_new_even_when_its_fate_was_pruned()
    {
        await _test.AdmitAsync();
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        await _test.CommitAsync(1, TestLog.Totals(4), TestLog.Part(2, 1));
        await _test.PutAsync(3, TestLog.NodePoint(), floor: 2);
        await _test.PutAsync(4, TestLog.NodePoint(), floor: 1);
        _test.Clock.Advance(TimeSpan.FromHours(2));
        await _test.Log.MaintainAsync();

        var state = await _test.Log.LoadWindowAsync(TestLog.Window());
        Assert.Equal(2UL, Assert.Single(state.Contributors).Record.Seq);
        Assert.Equal(2UL, Assert.Single(state.Floors).Floor);
        Assert.Equal(4UL, state.Totals.Requests);
        Assert.Equal(Outcome.Lost, (await _test.CommitAsync(2, TestLog.Totals(7), TestLog.Part(1, 3))).Outcome);
        Assert.Equal(4UL, (await _test.Log.StatusAsync()).Committed);
    }

    [Fact]
    public async Task A_back_filled_window_lists_its_records_for_an_hour_after_its_last_revision()
    {
        _test.Clock.Advance(TimeSpan.FromHours(50));
        await _test.AdmitAsync();
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        await _test.PutAsync(3, TestLog.NodePoint(), floor: 3);
        _test.Clock.Advance(TimeSpan.FromMinutes(59));
        await _test.CommitAsync(1, TestLog.Totals(4), TestLog.Part(4, 1, "gpu-2"));
        _test.Clock.Advance(TimeSpan.FromMinutes(59));
        await _test.Log.MaintainAsync();
        Assert.Equal([1UL, 4UL], (await _test.Log.LoadWindowAsync(TestLog.Window())).Contributors.Select(c => c.Record.Seq));

        // That of the other node is not below its floor.
        _test.Clock.Advance(TimeSpan.FromMinutes(2));
        await _test.Log.MaintainAsync();
        Assert.Equal([4UL], (await _test.Log.LoadWindowAsync(TestLog.Window())).Contributors.Select(c => c.Record.Seq));
    }

    [Fact]
    public async Task The_horizon_moves_in_whole_hours_and_never_back()
    {
        var first = (await _test.Log.LoadWindowAsync(TestLog.Window())).Horizon;
        Assert.Equal(0, first % 3600);
        Assert.InRange(first, TestLog.Start - 73 * 3600, TestLog.Start - 72 * 3600 + 14);
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));

        _test.Clock.Advance(TimeSpan.FromHours(100));
        await _test.RollUpAsync();
        await _test.Log.MaintainAsync();
        var moved = (await _test.Log.LoadWindowAsync(TestLog.Window())).Horizon;
        Assert.Equal(first + 100 * 3600, moved);
        Assert.Equal(0UL, (await _test.Log.LoadWindowAsync(TestLog.Window())).Revision);

        _test.Clock.AdjustTime(DateTimeOffset.FromUnixTimeSeconds(TestLog.Start));
        await _test.Log.MaintainAsync();
        Assert.Equal(moved, (await _test.Reopen().LoadWindowAsync(TestLog.Window())).Horizon);
        Assert.Equal(Outcome.Late, (await _test.CommitAsync(0, TestLog.Totals(1), TestLog.Part(9, 1))).Outcome);
    }

    [Fact]
    public async Task A_new_owner_finds_the_open_windows_and_the_expected_hosts()
    {
        var first = _test.Request(0, TestLog.Totals(3), TestLog.Part(1, 3));
        first.Final = true;
        await _test.CommitAsync(first);
        var second = _test.Request(0, TestLog.Totals(1), TestLog.Part(2, 1));
        second.Key = TestLog.Window(TestLog.Start + 10);
        second.ExpectedHosts.Clear();
        second.ExpectedHosts.Add(["gpu-2", "gpu-1"]);
        await _test.CommitAsync(second);

        var open = await _test.Log.LoadOpenWindowsAsync(TestLog.Series);

        Assert.Equal(TestLog.Start + 10, Assert.Single(open.Windows).Key.Start);
        Assert.Equal(["gpu-1", "gpu-2"], open.ExpectedHosts);
        Assert.Equal(_test.Log.Identity.LogId, open.LogId);
    }

    [Fact]
    public async Task A_commit_puts_the_head_of_its_point_into_the_outbox_and_supersedes_an_unsent_one()
    {
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        await _test.CommitAsync(1, TestLog.Totals(5), TestLog.Part(2, 2));

        var batch = await _test.BeginAsync();

        var line = Assert.Single(batch!.Lines);
        Assert.Equal(new PointRevision(1, 2), line.Revision);
        Assert.StartsWith("vibe_fleet,host=fleet,model=vibethinker-1.5b,task=algorithm_reasoning,window=10s requests=5i,", line.Line, StringComparison.Ordinal);
        Assert.EndsWith($" {TestLog.Start}000000000", line.Line, StringComparison.Ordinal);
        Assert.Equal((2, 1, 0, 1, 0, 1), await _test.LedgerAsync());
    }

    [Fact]
    public async Task The_hosts_of_a_coalesced_window_are_not_those_that_a_series_expects_now()
    {
        await _test.CommitAsync(0, TestLog.Totals(1), TestLog.Part(1, 1));
        var coalesced = _test.Request(0, TestLog.Totals(2), TestLog.Part(2, 2, node: "gone"));
        coalesced.Key.Level = WindowLevel._1H;
        coalesced.Key.Start = WindowLevels.StartOf(WindowLevel._1H, TestLog.Start + 3600);
        Assert.Equal(CommitReply.Types.Outcome.Committed, (await _test.CommitAsync(coalesced)).Outcome);

        var open = await _test.Log.LoadOpenWindowsAsync(TestLog.Series);
        Assert.Equal(["gpu-1"], open.ExpectedHosts);
        Assert.Equal([WindowLevel._10S, WindowLevel._1H], open.Windows.Select(window => window.Key.Level));
    }
}
