using FleetVibe.Gateway.Tests.Delivery;

namespace FleetVibe.Gateway.Tests.Store;

public sealed class OutboxTests : IDisposable
{
    private readonly TestLog _test = new();

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task A_lower_or_equal_revision_never_replaces_the_head()
    {
        await _test.AdmitAsync();
        await _test.PutAsync(7, TestLog.NodePoint(1));
        await _test.PutAsync(7, TestLog.NodePoint(2));
        await _test.PutAsync(3, TestLog.NodePoint(3));

        Assert.Contains("response_time_ms=1,", Assert.Single((await _test.BeginAsync())!.Lines).Line, StringComparison.Ordinal);
        Assert.Equal((1, 1, 0, 0, 0, 1), await _test.LedgerAsync());
    }

    [Fact]
    public async Task A_point_is_in_at_most_one_attempt()
    {
        await _test.AdmitAsync();
        await _test.PutAsync(1, TestLog.NodePoint());
        Assert.NotNull(await _test.BeginAsync());
        await _test.PutAsync(2, TestLog.NodePoint());
        Assert.Null(await _test.BeginAsync());
        Assert.False(await _test.Log.HasDueAsync([]));
    }

    [Fact]
    public async Task The_late_end_of_one_attempt_does_not_end_another()
    {
        await _test.AdmitAsync();
        await _test.PutAsync(1, TestLog.NodePoint());
        var stopped = await _test.BeginAsync();
        await _test.Log.ReleaseExpiredAsync(stopped!.ExpiresAt);
        var other = await _test.BeginAsync();

        await _test.Log.EndAttemptAsync(stopped.Attempt, AttemptEnd.Delivered, []);

        Assert.NotEqual(stopped.Attempt, other!.Attempt);
        Assert.Equal((1, 1, 0, 0, 0, 1), await _test.LedgerAsync());
        Assert.Null(await _test.BeginAsync());
    }

    [Fact]
    public async Task A_204_marks_the_revision_that_was_sent_and_the_newer_head_goes_next()
    {
        await _test.AdmitAsync();
        await _test.PutAsync(1, TestLog.NodePoint());
        var batch = await _test.BeginAsync();
        await _test.PutAsync(2, TestLog.NodePoint());
        Assert.Equal((2, 2, 0, 0, 0, 2), await _test.LedgerAsync());

        await _test.Log.EndAttemptAsync(batch!.Attempt, AttemptEnd.Delivered, []);

        Assert.Equal((2, 1, 1, 0, 0, 1), await _test.LedgerAsync());
        var next = await _test.BeginAsync();
        Assert.Equal(new PointRevision(1, 2), Assert.Single(next!.Lines).Revision);
        await _test.Log.EndAttemptAsync(next.Attempt, AttemptEnd.Delivered, []);
        Assert.Equal((2, 0, 2, 0, 0, 0), await _test.LedgerAsync());
        Assert.Null(await _test.BeginAsync());
    }

    [Fact]
    public async Task An_attempt_that_failed_gives_way_to_the_newer_head()
    {
        await _test.AdmitAsync();
        await _test.PutAsync(1, TestLog.NodePoint());
        var batch = await _test.BeginAsync();
        await _test.PutAsync(2, TestLog.NodePoint());
        await _test.PutAsync(3, TestLog.NodePoint());
        await _test.Log.EndAttemptAsync(batch!.Attempt, AttemptEnd.Released, []);

        Assert.Equal((3, 1, 0, 2, 0, 1), await _test.LedgerAsync());
        Assert.Equal(new PointRevision(1, 3), Assert.Single((await _test.BeginAsync())!.Lines).Revision);
    }

    [Fact]
    public async Task After_a_kill_in_an_attempt_its_points_wait_until_it_expired_and_the_quiet_time_passed()
    {
        await _test.AdmitAsync();
        await _test.PutAsync(1, TestLog.NodePoint());
        var batch = await _test.BeginAsync();
        _test.Reopen();
        await _test.PutAsync(2, TestLog.NodePoint());

        var quiet = TimeSpan.FromSeconds(30);
        _test.Clock.Advance(batch!.ExpiresAt - _test.Clock.GetUtcNow() + quiet - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, await _test.Log.ReleaseExpiredAsync(_test.Clock.GetUtcNow() - quiet));
        Assert.Null(await _test.BeginAsync());

        _test.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, await _test.Log.ReleaseExpiredAsync(_test.Clock.GetUtcNow() - quiet));
        Assert.Equal(new PointRevision(1, 2), Assert.Single((await _test.BeginAsync())!.Lines).Revision);
        await _test.CheckLedgerAsync();
    }

    [Fact]
    public async Task A_refused_revision_is_put_aside_and_a_later_one_is_tried()
    {
        await _test.AdmitAsync();
        await _test.PutAsync(1, TestLog.NodePoint());
        var batch = await _test.BeginAsync();
        await _test.Log.EndAttemptAsync(batch!.Attempt, AttemptEnd.Released, [new Refusal(batch.Lines[0], "bad")]);

        Assert.Equal((1, 0, 0, 0, 1, 0), await _test.LedgerAsync());
        Assert.Null(await _test.BeginAsync());
        Assert.Equal(batch.Lines[0].Line, await _test.Log.ReadAsync(db => db.Text("SELECT line FROM dead_letters WHERE reason = 'bad'")));

        await _test.PutAsync(2, TestLog.NodePoint());
        Assert.Equal(new PointRevision(1, 2), Assert.Single((await _test.BeginAsync())!.Lines).Revision);
        await _test.CheckLedgerAsync();
    }

    [Fact]
    public async Task A_replay_sends_heads_again_and_counts_nothing()
    {
        await _test.AdmitAsync();
        await _test.PutAsync(1, TestLog.NodePoint());
        var batch = await _test.BeginAsync();
        await _test.Log.EndAttemptAsync(batch!.Attempt, AttemptEnd.Delivered, []);
        var before = await _test.LedgerAsync();

        Assert.Equal(0, await _test.Log.ReplayAsync(TestLog.Start + 1, TestLog.Start + 100));
        Assert.Equal(1, await _test.Log.ReplayAsync(TestLog.Start, TestLog.Start + 1));
        var again = await _test.BeginAsync();
        Assert.Equal(batch.Lines[0].Line, Assert.Single(again!.Lines).Line);
        await _test.Log.EndAttemptAsync(again.Attempt, AttemptEnd.Delivered, []);

        Assert.Equal(before, await _test.LedgerAsync());
        Assert.Null(await _test.BeginAsync());

        // Overtaken while it is replayed: the new revision is counted, the replayed one is not counted twice.
        await _test.Log.ReplayAsync(TestLog.Start, TestLog.Start + 1);
        var third = await _test.BeginAsync();
        await _test.PutAsync(2, TestLog.NodePoint());
        await _test.Log.EndAttemptAsync(third!.Attempt, AttemptEnd.Delivered, []);
        Assert.Equal((2, 1, 1, 0, 0, 1), await _test.LedgerAsync());
    }

    [Fact]
    public async Task A_point_that_changes_while_it_waits_keeps_its_turn()
    {
        await _test.AdmitAsync();
        await _test.PutAsync(1, TestLog.NodePoint());
        _test.Clock.Advance(TimeSpan.FromSeconds(1));
        await _test.PutAsync(2, TestLog.NodePoint(start: TestLog.Start + 10));
        _test.Clock.Advance(TimeSpan.FromSeconds(1));
        await _test.PutAsync(3, TestLog.NodePoint());

        Assert.Equal(new PointRevision(1, 3), Assert.Single((await _test.BeginAsync(lines: 1))!.Lines).Revision);
    }

    [Fact]
    public async Task Delivered_heads_are_kept_while_their_window_is_above_the_horizon()
    {
        await _test.AdmitAsync();
        await _test.PutAsync(5, TestLog.NodePoint());
        await _test.PutAsync(6, TestLog.NodePoint(start: TestLog.Start + 10));
        var batch = await _test.BeginAsync(lines: 1);
        await _test.Log.EndAttemptAsync(batch!.Attempt, AttemptEnd.Delivered, []);
        _test.Clock.Advance(TimeSpan.FromHours(71));
        await _test.Log.MaintainAsync();
        await _test.PutAsync(4, TestLog.NodePoint());
        Assert.Equal((2, 1, 1, 0, 0, 1), await _test.LedgerAsync());

        _test.Clock.Advance(TimeSpan.FromHours(2));
        await _test.Log.MaintainAsync();
        Assert.Equal(1, await _test.Log.ReadAsync(db => db.Number("SELECT count(*) FROM heads")));
        Assert.Equal(1, (await _test.PutAsync(7, TestLog.NodePoint()))!.Value.Rejected);
        await _test.CheckLedgerAsync();
    }

    [Fact]
    public async Task A_replay_goes_portion_by_portion_through_the_whole_range()
    {
        await _test.AdmitAsync();
        foreach (var (seq, offset) in (List<(ulong, long)>)[(5, 0), (6, 50), (7, 60), (8, 4000), (9, 4010)])
        {
            await _test.PutAsync(seq, TestLog.NodePoint(start: TestLog.Start + offset));
        }

        var batch = await _test.BeginAsync();
        await _test.Log.EndAttemptAsync(batch!.Attempt, AttemptEnd.Delivered, []);

        Assert.Equal(4, await _test.Log.ReplayAsync(TestLog.Start, TestLog.Start + 4010));
        Assert.Equal(1, await _test.Log.ReplayAsync(TestLog.Start, TestLog.Start + 4011));
        Assert.Equal(5, (await _test.BeginAsync())!.Lines.Count);
        await _test.CheckLedgerAsync();
    }

    [Fact]
    public async Task The_gateways_own_point_counts_itself()
    {
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        await _test.Log.PutOwnPointAsync("gw", TestLog.Start);
        await _test.CheckLedgerAsync();

        var own = (await _test.BeginAsync())!.Lines.Single(l => l.Key.StartsWith("vibe_fleetvibe", StringComparison.Ordinal));
        Assert.Equal(
            "vibe_fleetvibe,host=gw,role=gateway committed=3i,late=0i,future=0i,undecodable=0i,backfilled=0i,duplicates=0i,commits=1i,lost_swaps=0i,commits_lost=0i,"
            + $"produced=2i,queued=2i,delivered=0i,superseded=0i,dead_lettered=0i,points_refused=0i {TestLog.Start}000000000",
            own.Line);
    }

    [Fact]
    public async Task Points_of_a_node_that_cannot_be_taken_are_counted_for_users_and_told_once_a_node_and_fault()
    {
        var logger = new CollectingLogger<DatabaseCommitLog>();
        using var test = new TestLog { Logger = logger };
        await test.AdmitAsync();
        await test.AdmitAsync("gpu-2");
        for (ulong seq = 1; seq <= 3; seq++)
        {
            await test.PutAsync(seq, TestLog.NodePoint(node: "gpu-9"));
            await test.PutAsync(seq, TestLog.NodePoint(node: "gpu-9"), node: "gpu-2");
            await test.PutAsync(seq, TestLog.NodePoint(start: TestLog.Start - (100 * 3600)));
        }

        Assert.Equal(9UL, (await test.Log.StatusAsync()).PointsRefused);
        await test.Log.PutOwnPointAsync("gw", TestLog.Start);
        Assert.Contains(",points_refused=9i ", Assert.Single((await test.BeginAsync())!.Lines).Line, StringComparison.Ordinal);
        var told = logger.Lines.Where(l => l.StartsWith("Warning", StringComparison.Ordinal)).ToList();
        Assert.Equal(3, told.Count);
        Assert.Contains(told, l => l.Contains("gpu-2", StringComparison.Ordinal) && l.Contains("host tag", StringComparison.Ordinal));
        Assert.Contains(told, l => l.Contains("gpu-1", StringComparison.Ordinal) && l.Contains("horizon", StringComparison.Ordinal));
    }
}
