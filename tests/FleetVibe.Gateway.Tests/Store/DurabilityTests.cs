using FleetVibe.Protocol.Mapping;

namespace FleetVibe.Gateway.Tests.Store;

public sealed class DurabilityTests : IDisposable
{
    private readonly TestLog _test = new();

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData("PRAGMA synchronous = OFF")]
    [InlineData("PRAGMA synchronous = NORMAL")]
    [InlineData("PRAGMA journal_mode = DELETE")]
    public void A_file_that_would_lose_a_commit_at_a_power_cut_is_refused(string pragma)
    {
        Directory.CreateDirectory(_test.Folder);
        var path = Path.Combine(_test.Folder, "other.db");
        using var database = new SqliteDatabase(path, create: true);
        database.Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (x)");
        CommitLogFile.RequireDurable(database, path);

        database.Run(pragma);

        Assert.Contains("power cut", Assert.Throws<StoreUnusableException>(() => CommitLogFile.RequireDurable(database, path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_answered_stands_in_the_file_at_that_moment()
    {
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));

        // A copy of the files without a close is what kill -9 leaves behind.
        using var killed = new TestLog();
        Directory.CreateDirectory(killed.Folder);
        foreach (var file in Directory.EnumerateFiles(_test.Folder, "commit-log.db*").Where(f => !f.EndsWith("-shm", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(killed.Folder, Path.GetFileName(file)));
        }

        var state = await killed.Log.LoadWindowAsync(TestLog.Window());
        Assert.Equal((1UL, 3UL), (state.Revision, state.Totals.Requests));
        Assert.Equal(_test.Log.Identity, killed.Log.Identity);
        await killed.CheckLedgerAsync();
    }

    [Fact]
    public async Task A_death_before_the_commit_leaves_nothing_and_answers_nobody()
    {
        _test.Log.Writer.BeforeCommit = () => throw new InvalidOperationException("killed");
        var commit = _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        await Assert.ThrowsAsync<InvalidOperationException>(() => commit);

        _test.Reopen();

        var state = await _test.Log.LoadWindowAsync(TestLog.Window());
        Assert.Equal(0UL, state.Revision);
        Assert.Empty(state.Contributors);
        Assert.Equal((0, 0, 0, 0, 0, 0), await _test.LedgerAsync());
    }

    [Fact]
    public async Task Waiting_commits_share_a_transaction_and_a_failed_one_takes_nothing_with_it()
    {
        var transactions = 0;
        using var entered = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        _test.Log.Writer.BeforeCommit = () =>
        {
            transactions++;
            entered.Set();
            release.Wait();
        };
        var first = _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        entered.Wait();
        var waiting = Enumerable.Range(1, 20).Select(i =>
        {
            var request = _test.Request(0, TestLog.Totals(1), TestLog.Part((ulong)i + 1, 1));
            request.Key = TestLog.Window(TestLog.Start + 10 * i);
            return _test.CommitAsync(request);
        }).ToList();
        var failing = _test.Log.Writer.RunAsync<int>(db =>
        {
            db.Execute("UPDATE meta SET horizon = 99");
            throw new InvalidOperationException("this one only");
        });
        release.Set();

        await first;
        foreach (var reply in await Task.WhenAll(waiting))
        {
            Assert.Equal(CommitReply.Types.Outcome.Committed, reply.Outcome);
        }

        await Assert.ThrowsAsync<InvalidOperationException>(() => failing);
        Assert.NotEqual(99, (await _test.Log.LoadWindowAsync(TestLog.Window())).Horizon);
        Assert.Equal(2, transactions);
        await _test.CheckLedgerAsync();
    }

    [Fact]
    public async Task Backfill_waits_a_second_for_company_and_no_longer()
    {
        var request = _test.Request(0, TestLog.Totals(3), TestLog.Part(1, 3));
        request.Deferrable = true;
        var deferred = _test.CommitAsync(request);
        _test.Clock.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal(0UL, (await _test.Log.LoadWindowAsync(TestLog.Window())).Revision);
        Assert.False(deferred.IsCompleted);
        _test.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(CommitReply.Types.Outcome.Committed, (await deferred).Outcome);

        request = _test.Request(1, TestLog.Totals(4), TestLog.Part(2, 1));
        request.Deferrable = true;
        deferred = _test.CommitAsync(request);
        await _test.AdmitAsync();
        Assert.Equal(CommitReply.Types.Outcome.Committed, (await deferred).Outcome);
    }

    [Fact]
    public async Task A_full_store_refuses_and_recovers_by_itself()
    {
        using var test = new TestLog(s => s with { StoreMaxBytes = 400_000 });
        StoreFullException? full = null;
        var committed = 0UL;
        for (var i = 0; i < 5000 && full is null; i++)
        {
            var request = test.Request(0, TestLog.Totals(1), TestLog.Part((ulong)i + 1, 1));
            request.Key = TestLog.Window(TestLog.Start + 10 * i);
            try
            {
                await test.CommitAsync(request);
                committed++;
            }
            catch (StoreFullException e)
            {
                full = e;
            }
        }

        Assert.Contains("room", full!.Message, StringComparison.Ordinal);
        Assert.Equal(committed, (await test.Log.StatusAsync()).Committed);
        await test.CheckLedgerAsync();

        // What falls below the horizon makes room; no restart. The roll-ups that the horizon waits for have room of their own.
        test.Clock.Advance(TimeSpan.FromHours(200));
        await test.RollUpAsync();
        await DeliverAllAsync(test);
        while (await test.Log.MaintainAsync())
        {
        }

        var next = test.Request(0, TestLog.Totals(1), TestLog.Part(999_999, 1));
        next.Key = TestLog.Window(TestLog.Start + 200 * 3600 - (TestLog.Start + 200 * 3600) % 10);
        Assert.Equal(CommitReply.Types.Outcome.Committed, (await test.CommitAsync(next)).Outcome);
    }

    [Fact]
    public void A_second_gateway_on_the_same_folder_is_refused()
    {
        _ = _test.Log;
        var error = Assert.Throws<StoreUnusableException>(
            () => DatabaseCommitLog.Open(_test.Settings, _test.Clock, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance));
        Assert.Contains(_test.Folder, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_file_is_set_aside_and_the_new_log_takes_nothing_from_before_its_birth()
    {
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        var old = _test.Log.Identity;
        var path = Path.Combine(_test.Folder, CommitLogFile.FileName);
        _test.Log.Dispose();
        var bytes = File.ReadAllBytes(path);
        Array.Fill(bytes, (byte)0xA5, 0, 4096);
        File.WriteAllBytes(path, bytes);

        var replaced = _test.Reopen().Identity;

        Assert.NotEqual(old.LogId, replaced.LogId);
        Assert.Equal(old.Generation + 1, replaced.Generation);
        Assert.Equal(bytes, File.ReadAllBytes(Assert.Single(Directory.GetFiles(_test.Folder, "commit-log-damaged-*.db"))));
        Assert.Contains((await _test.BeginAsync())!.Lines, line => line.Line.StartsWith("vibe_event,host=fleet,kind=commits_lost", StringComparison.Ordinal));
        Assert.Equal(CommitReply.Types.Outcome.Late, (await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3))).Outcome);
        var after = _test.Request(0, TestLog.Totals(3), TestLog.Part(2, 3));
        after.Key = TestLog.Window(TestLog.Start + 20);
        Assert.Equal(CommitReply.Types.Outcome.Committed, (await _test.CommitAsync(after)).Outcome);
        Assert.Equal(replaced, _test.Reopen().Identity);
    }

    [Fact]
    public async Task Damage_found_at_work_stops_everything_and_the_next_start_sets_the_file_aside()
    {
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        var old = _test.Log.Identity;
        await Assert.ThrowsAsync<StoreDamagedException>(() => _test.Log.Writer.RunAsync<int>(
            _ => throw new Microsoft.Data.Sqlite.SqliteException("malformed", 11)));
        await Assert.ThrowsAsync<StoreDamagedException>(() => _test.CommitAsync(1, TestLog.Totals(4), TestLog.Part(2, 1)));

        Assert.NotEqual(old.LogId, _test.Reopen().Identity.LogId);
        Assert.Single(Directory.GetFiles(_test.Folder, "commit-log-damaged-*.db"));
    }

    [Fact]
    public async Task Equal_totals_are_stored_as_the_same_bytes()
    {
        var totals = TestLog.Totals(5);
        await _test.CommitAsync(0, totals, TestLog.Part(1, 5));
        var state = await _test.Reopen().LoadWindowAsync(TestLog.Window());
        Assert.Equal(TotalsMapper.ToWire(TotalsMapper.FromWire(totals)), state.Totals);
    }

    private static async Task DeliverAllAsync(TestLog test)
    {
        while (await test.BeginAsync(lines: 1000) is { } batch)
        {
            await test.Log.EndAttemptAsync(batch.Attempt, AttemptEnd.Delivered, []);
        }
    }
}
