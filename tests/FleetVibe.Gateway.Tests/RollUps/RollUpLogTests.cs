using FleetVibe.Gateway.Tests.Store;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;

namespace FleetVibe.Gateway.Tests.RollUps;

public sealed class RollUpLogTests : IDisposable
{
    private const long Hour = 1_699_999_200;

    private readonly TestLog _test = new(now: Hour + 14);
    private ulong _seq;

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task A_commit_and_its_mark_are_one_transaction()
    {
        _test.Log.Writer.BeforeCommit = () => throw new InvalidOperationException("killed");
        await Assert.ThrowsAsync<InvalidOperationException>(() => CommitAsync(Hour, 0, 3));
        _test.Reopen();
        Assert.Empty(await MarksAsync());

        await CommitAsync(Hour, 0, 3);
        _test.Reopen();

        Assert.Equal([(WindowLevel._1M, Hour)], await MarksAsync());
        await RollUpAsync();
        Assert.Equal((1L, 3UL), await RevisionAndRequestsAsync(WindowLevel._1H, Hour));
    }

    [Fact]
    public async Task A_roll_up_that_is_not_committed_stays_dirty()
    {
        await CommitAsync(Hour, 0, 3);
        _test.Log.Writer.BeforeCommit = () => throw new InvalidOperationException("killed");
        await Assert.ThrowsAsync<InvalidOperationException>(_test.Log.RollUpAsync);
        _test.Reopen();

        Assert.Equal((0L, 0UL), await RevisionAndRequestsAsync(WindowLevel._1M, Hour));
        Assert.Equal([(WindowLevel._1M, Hour)], await MarksAsync());
        await RollUpAsync();
        Assert.Equal((1L, 3UL), await RevisionAndRequestsAsync(WindowLevel._1M, Hour));
    }

    [Fact]
    public async Task Each_level_has_a_point_with_the_rates_of_its_own_length()
    {
        await CommitAsync(Hour, 0, 3);
        await CommitAsync(Hour + 10, 0, 3);
        await RollUpAsync();

        var lines = (await _test.BeginAsync())!.Lines.Select(l => l.Line).Where(l => !l.Contains("window=10s", StringComparison.Ordinal)).ToList();

        Assert.Equal(3, lines.Count);
        foreach (var (window, rate) in (List<(string, string)>)[("1m", "0.1"), ("5m", "0.02"), ("1h", "0.0016666666666666668")])
        {
            var line = Assert.Single(lines, l => l.StartsWith($"vibe_fleet,host=fleet,model=vibethinker-1.5b,task=algorithm_reasoning,window={window} requests=6i,", StringComparison.Ordinal));
            Assert.Contains($",requests_per_second={rate},", line, StringComparison.Ordinal);
            Assert.Contains(",contributors=1i,expected=1i,coverage=1", line, StringComparison.Ordinal);
            Assert.EndsWith($" {Hour}000000000", line, StringComparison.Ordinal);
        }

        await _test.CheckLedgerAsync();
        Assert.Equal(6UL, (await _test.Log.StatusAsync()).Committed);
    }

    [Fact]
    public async Task A_later_revision_and_back_fill_replace_what_was_rolled_up_and_are_never_added_on_top()
    {
        await CommitAsync(Hour, 0, 3);
        await RollUpAsync();
        await CommitAsync(Hour, 1, 5, old: 3, final: true);
        await LaterAsync(60);
        Assert.Equal((2L, 8UL), await RevisionAndRequestsAsync(WindowLevel._1H, Hour));

        await LaterAsync(4000);
        Assert.True((await FindAsync(WindowLevel._1H, Hour)).Final);
        await CommitAsync(Hour, 2, 2, old: 8, final: true, backfilled: 2);
        await LaterAsync(60);

        foreach (var level in (List<WindowLevel>)[WindowLevel._1M, WindowLevel._5M, WindowLevel._1H])
        {
            var rollUp = await FindAsync(level, Hour);
            Assert.Equal((10UL, 2UL, true), (rollUp.Totals.Requests, rollUp.Backfilled, rollUp.Final));
        }
    }

    [Fact]
    public async Task A_roll_up_becomes_final_by_the_clock_alone_and_is_then_left_alone()
    {
        await CommitAsync(Hour, 0, 3, final: true);
        await RollUpAsync();
        Assert.False((await FindAsync(WindowLevel._1M, Hour)).Final);

        _test.Clock.SetUtcNow(DateTimeOffset.FromUnixTimeSeconds(Hour + 119));
        await RollUpAsync();
        Assert.False((await FindAsync(WindowLevel._1M, Hour)).Final);

        await LaterAsync(1);
        Assert.True((await FindAsync(WindowLevel._1M, Hour)).Final);
        Assert.False((await FindAsync(WindowLevel._1H, Hour)).Final);

        await LaterAsync(3540);
        Assert.True((await FindAsync(WindowLevel._1H, Hour)).Final);
        Assert.Empty(await MarksAsync());
        Assert.Equal((2L, 3UL), await RevisionAndRequestsAsync(WindowLevel._1M, Hour));
    }

    [Fact]
    public async Task A_roll_up_is_not_final_while_a_part_of_it_waits_to_be_made()
    {
        _test.Clock.Advance(TimeSpan.FromHours(2));
        await CommitAsync(Hour, 0, 3, final: true);
        await TurnAsync();
        _test.Clock.Advance(TimeSpan.FromSeconds(1));
        await CommitAsync(Hour + 60, 0, 4, final: true);
        await TurnAsync();
        var early = await FindAsync(WindowLevel._5M, Hour);
        Assert.Equal((3UL, false), (early.Totals.Requests, early.Final));

        await LaterAsync(60);

        var late = await FindAsync(WindowLevel._5M, Hour);
        Assert.Equal((7UL, true), (late.Totals.Requests, late.Final));

        Task<RollUpTurn> TurnAsync() => _test.Log.Writer.RunAsync(db => RollUpTransaction.Run(db, _test.Log.Identity, _test.Clock.GetUtcNow(), 1));
    }

    [Fact]
    public async Task A_roll_up_is_made_at_most_once_in_its_interval()
    {
        await CommitAsync(Hour, 0, 3);
        await RollUpAsync();
        await CommitAsync(Hour + 10, 0, 4);
        await LaterAsync(9);
        Assert.Equal((1L, 3UL), await RevisionAndRequestsAsync(WindowLevel._1M, Hour));

        await LaterAsync(1);
        Assert.Equal((2L, 7UL), await RevisionAndRequestsAsync(WindowLevel._1M, Hour));
        Assert.Equal((1L, 3UL), await RevisionAndRequestsAsync(WindowLevel._5M, Hour));
        await LaterAsync(20);
        Assert.Equal((2L, 7UL), await RevisionAndRequestsAsync(WindowLevel._5M, Hour));
        await LaterAsync(30);
        Assert.Equal((2L, 7UL), await RevisionAndRequestsAsync(WindowLevel._1H, Hour));
    }

    [Fact]
    public async Task What_is_committed_at_a_larger_level_is_in_that_level_and_above_it_only()
    {
        await CommitAsync(Hour, 0, 3);
        await CommitAsync(Hour, 0, 5, level: WindowLevel._5M);
        await LaterAsync(120);

        Assert.Equal((1L, 3UL), await RevisionAndRequestsAsync(WindowLevel._1M, Hour));
        Assert.Equal(8UL, (await RevisionAndRequestsAsync(WindowLevel._5M, Hour)).Requests);
        Assert.Equal(8UL, (await RevisionAndRequestsAsync(WindowLevel._1H, Hour)).Requests);
    }

    [Fact]
    public async Task A_field_that_was_written_once_stays_in_every_later_revision()
    {
        await CommitAsync(Hour, 0, 3);
        await RollUpAsync();
        var bucketed = new SeriesTotals { Requests = 3 };
        bucketed.ResponseTime.AddClassic([1], [0, 3], 9_000_000);
        await CommitAsync(Hour + 10, 0, bucketed);
        await LaterAsync(100);

        var line = Assert.Single((await _test.BeginAsync())!.Lines, l => l.Line.Contains("window=1h", StringComparison.Ordinal)).Line;

        Assert.Contains("requests=6i", line, StringComparison.Ordinal);
        Assert.Contains("response_time_min_ms=", line, StringComparison.Ordinal);
        Assert.Contains("response_time_max_ms=", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_horizon_waits_for_a_dirty_roll_up_and_what_lies_below_it_is_sealed()
    {
        await CommitAsync(Hour, 0, 3, final: true);
        _test.Clock.Advance(TimeSpan.FromHours(100));
        await _test.Log.MaintainAsync();
        _test.Reopen();
        Assert.True((await _test.Log.LoadWindowAsync(TestLog.Window(Hour))).Horizon <= Hour);

        await RollUpAsync();
        Assert.True((await FindAsync(WindowLevel._1H, Hour)).Final);
        await _test.Log.MaintainAsync();

        var state = await _test.Log.LoadWindowAsync(TestLog.Window(Hour));
        Assert.Equal((Hour + 28 * 3600, 0UL), (state.Horizon, state.Revision));
        Assert.Equal(CommitReply.Types.Outcome.Late, (await CommitAsync(Hour, 0, 1)).Outcome);
        Assert.Empty(await MarksAsync());
        Assert.Equal(3UL, (await RevisionAndRequestsAsync(WindowLevel._1H, Hour)).Requests);

        _test.Clock.Advance(TimeSpan.FromDays(30));
        await _test.Log.MaintainAsync();
        Assert.Equal(0L, (await FindAsync(WindowLevel._1H, Hour)).Revision);
    }

    [Fact]
    public async Task A_roll_up_that_began_before_the_horizon_is_never_made_of_a_part()
    {
        // A log that replaced a damaged one begins in the middle of an hour.
        await _test.Log.Writer.RunAsync(db => db.Execute("UPDATE meta SET horizon = $1", Hour + 90));
        await CommitAsync(Hour + 100, 0, 1);
        await CommitAsync(Hour + 120, 0, 2);
        await LaterAsync(4000);

        Assert.Equal(0L, (await FindAsync(WindowLevel._1M, Hour + 60)).Revision);
        Assert.Equal(2UL, (await RevisionAndRequestsAsync(WindowLevel._1M, Hour + 120)).Requests);
        Assert.Equal(0L, (await FindAsync(WindowLevel._5M, Hour)).Revision);
        Assert.Equal(0L, (await FindAsync(WindowLevel._1H, Hour)).Revision);
    }

    [Fact]
    public async Task A_log_of_the_first_schema_is_brought_forward_and_rolled_up_once()
    {
        await CommitAsync(Hour, 0, 3);
        await CommitAsync(Hour + 10, 0, 4);
        await CommitAsync(Hour, 0, 5, level: WindowLevel._5M);
        var identity = _test.Log.Identity;
        await _test.Log.Writer.RunAsync(db =>
        {
            db.Execute("DROP TABLE roll_ups");
            db.Execute("DROP TABLE roll_up_marks");
            db.Execute("DROP TABLE revisions");
            db.Execute("ALTER TABLE instances DROP COLUMN committed");
            return db.Execute("UPDATE meta SET schema_version = 1");
        });

        _test.Reopen();

        Assert.Equal(identity, _test.Log.Identity);
        Assert.Equal([(WindowLevel._1M, Hour), (WindowLevel._5M, Hour)], await MarksAsync());
        await LaterAsync(4000);
        Assert.Equal(7UL, (await RevisionAndRequestsAsync(WindowLevel._1M, Hour)).Requests);
        Assert.Equal(12UL, (await RevisionAndRequestsAsync(WindowLevel._1H, Hour)).Requests);
        _test.Reopen();
        Assert.Empty(await MarksAsync());
    }

    [Fact]
    public async Task A_clock_that_is_set_back_puts_no_roll_up_off()
    {
        await CommitAsync(Hour, 0, 3);
        await RollUpAsync();
        _test.Reopen();
        await _test.Log.Writer.RunAsync(db => db.Execute("UPDATE roll_up_marks SET due_ms = due_ms + 86400000"));
        await _test.Log.MaintainAsync();
        await CommitAsync(Hour, 1, 1, old: 3);
        await LaterAsync(60);
        Assert.Equal(4UL, (await RevisionAndRequestsAsync(WindowLevel._1H, Hour)).Requests);
    }

    private async Task LaterAsync(int seconds)
    {
        _test.Clock.Advance(TimeSpan.FromSeconds(seconds));
        await RollUpAsync();
    }

    private Task RollUpAsync() => _test.RollUpAsync();

    private Task<CommitReply> CommitAsync(
        long start, ulong revision, ulong requests, ulong old = 0, bool final = false, ulong backfilled = 0, WindowLevel level = WindowLevel._10S) =>
        CommitAsync(start, revision, TestLog.Totals(old + requests), requests, final, backfilled, level);

    private Task<CommitReply> CommitAsync(long start, ulong revision, SeriesTotals totals) =>
        CommitAsync(start, revision, TotalsMapper.ToWire(totals), (ulong)totals.Requests, false, 0, WindowLevel._10S);

    private Task<CommitReply> CommitAsync(long start, ulong revision, WindowTotals totals, ulong added, bool final, ulong backfilled, WindowLevel level)
    {
        var request = _test.Request(revision, totals, TestLog.Part(++_seq, added));
        request.Key = new WindowKey { Series = TestLog.Series, Level = level, Start = start };
        request.Final = final;
        request.Backfilled = backfilled;
        return _test.CommitAsync(request);
    }

    private Task<CommittedWindow> FindAsync(WindowLevel level, long start) =>
        _test.Log.ReadAsync(db => RollUpTable.Find(db, new RollUpKey(1, level, start)));

    private async Task<(long Revision, ulong Requests)> RevisionAndRequestsAsync(WindowLevel level, long start)
    {
        var found = await FindAsync(level, start);
        return (found.Revision, found.Totals.Requests);
    }

    private Task<List<(WindowLevel Level, long Start)>> MarksAsync() => _test.Log.ReadAsync(db =>
        RollUpMarks.Due(db, DateTimeOffset.MaxValue, 1000).Select(m => (m.Key.Level, m.Key.Start)).OrderBy(m => m.Level).ToList());
}
