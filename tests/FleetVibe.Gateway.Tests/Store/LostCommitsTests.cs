using FleetVibe.Gateway.Tests.Delivery;
using FleetVibe.Gateway.Tests.Postgres;
using FleetVibe.Metrics.Windows;
using FleetVibe.Tests.Postgres;
using Outcome = FleetVibe.Protocol.V1.CommitReply.Types.Outcome;

namespace FleetVibe.Gateway.Tests.Store;

/// <summary>The log goes back in time: a copy of its files is put back after a kill, whole or without the end of its write-ahead log.</summary>
public sealed class LostCommitsTests : IDisposable
{
    private readonly TestLog _test = new();
    private readonly string _copy = Directory.CreateTempSubdirectory("fleetvibe-copy-").FullName;

    public void Dispose()
    {
        _test.Dispose();
        Directory.Delete(_copy, recursive: true);
    }

    [Fact]
    public async Task A_stale_copy_is_found_by_the_agent_that_reconnects_and_nothing_counts_twice()
    {
        await CommitAsync(1, seq: 10);
        CopyFiles(_test.Folder, _copy);
        await CommitAsync(2, seq: 11);
        await CommitAsync(3, seq: 12);

        PutBack();
        var reply = await ReconnectAsync(nextSeq: 14, floor: 13, acked: 12);

        Assert.Equal((AdmitInstanceReply.Types.Outcome.Admitted, 2UL), (reply.Outcome, reply.CommitsLost));
        Assert.Contains("12", reply.Text, StringComparison.Ordinal);
        await CheckReportedAsync(lost: 2, "host=gpu-1");

        // A sender from before, who still holds what was acknowledged, gets nothing counted.
        var again = _test.Request(0, TestLog.Totals(1), TestLog.Part(12, 1));
        again.Key = TestLog.Window(TestLog.Start - 30);
        Assert.Equal(Outcome.Late, (await _test.CommitAsync(again)).Outcome);
        var status = await _test.Log.StatusAsync();
        Assert.Equal((1UL, 0UL), (status.Committed, status.Late));
        await _test.CheckLedgerAsync();
    }

    [Fact]
    public async Task The_loss_is_told_once()
    {
        await CommitAsync(1, seq: 10);
        CopyFiles(_test.Folder, _copy);
        await CommitAsync(2, seq: 11);
        PutBack();

        Assert.Equal(1UL, (await ReconnectAsync(nextSeq: 12, floor: 12, acked: 11)).CommitsLost);
        Assert.Equal(0UL, (await ReconnectAsync(nextSeq: 12, floor: 12, acked: 11)).CommitsLost);
        _test.Reopen();
        Assert.Equal(0UL, (await ReconnectAsync(nextSeq: 13, floor: 12, acked: 11)).CommitsLost);
        await CheckReportedAsync(lost: 1, "host=gpu-1");
    }

    [Fact]
    public async Task A_write_ahead_log_without_its_end_is_found()
    {
        await CommitAsync(1, seq: 10);
        CopyFiles(_test.Folder, _copy);
        await CommitAsync(2, seq: 11);
        var wal = Path.Combine(_copy, CommitLogFile.FileName + "-wal");
        var before = new FileInfo(wal).Length;
        CopyFiles(_test.Folder, _copy);
        using (var file = new FileStream(wal, FileMode.Open))
        {
            Assert.True(file.Length > before);
            file.SetLength(before + 100);
        }

        PutBack();

        Assert.Equal(1UL, (await ReconnectAsync(nextSeq: 12, floor: 12, acked: 11)).CommitsLost);
    }

    [Fact]
    public async Task An_owner_that_knows_a_higher_revision_finds_it_before_any_agent_does()
    {
        await CommitAsync(1, seq: 10);
        CopyFiles(_test.Folder, _copy);
        await _test.CommitAsync(1, TestLog.Totals(2), TestLog.Part(11, 1));
        await _test.CommitAsync(2, TestLog.Totals(3), TestLog.Part(12, 1));
        PutBack();

        var reply = await _test.CommitAsync(3, TestLog.Totals(4), TestLog.Part(13, 1));

        Assert.Equal(Outcome.Lost, reply.Outcome);
        await CheckReportedAsync(lost: 2, "host=fleet");
        Assert.Equal(1UL, (await _test.Log.LoadWindowAsync(TestLog.Window())).Revision);
    }

    [Fact]
    public async Task What_was_sent_of_windows_before_the_loss_stays_and_what_comes_for_them_is_late()
    {
        await CommitAsync(1, seq: 10);
        CopyFiles(_test.Folder, _copy);
        await _test.CommitAsync(1, TestLog.Totals(5), TestLog.Part(11, 4));
        PutBack();
        Assert.Equal(1UL, (await ReconnectAsync(nextSeq: 12, floor: 12, acked: 11)).CommitsLost);

        // The window stands at 1 request here and at 5 in Telegraf.
        var late = await _test.CommitAsync(1, TestLog.Totals(2), TestLog.Part(12, 1));
        Assert.Equal(Outcome.Late, late.Outcome);
        Assert.Equal(1UL, (await _test.Log.StatusAsync()).Late);
        Assert.Equal(0, (await _test.Log.RollUpAsync()).Made);

        var next = _test.Request(0, TestLog.Totals(1), TestLog.Part(13, 1));
        next.Key = TestLog.Window(WindowClock.StartOf(_test.Clock.GetUtcNow()) + WindowClock.BaseSeconds);
        Assert.Equal(Outcome.Committed, (await _test.CommitAsync(next)).Outcome);
        await _test.CheckLedgerAsync();
    }

    [Fact]
    public void A_new_log_is_known_again_without_its_write_ahead_log()
    {
        var id = _test.Log.Identity.LogId;
        CopyFiles(_test.Folder, _copy);
        File.Delete(Path.Combine(_copy, CommitLogFile.FileName + "-wal"));
        PutBack();
        Assert.Equal(id, _test.Log.Identity.LogId);
    }

    [Fact]
    public async Task An_agent_of_another_log_loses_nothing_here()
    {
        await CommitAsync(1, seq: 10);
        Assert.Equal(0UL, (await ReconnectAsync(nextSeq: 21, floor: 21, acked: 20, instance: 2)).CommitsLost);
        _test.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(0UL, (await ReconnectAsync(nextSeq: 22, floor: 22, acked: 20, instance: 2)).CommitsLost);
        Assert.Equal(0UL, (await _test.Log.StatusAsync()).CommitsLost);
    }

    [Fact]
    public async Task Records_that_were_coalesced_or_dropped_are_no_loss()
    {
        await CommitAsync(1, seq: 10);
        Assert.Equal(0UL, (await ReconnectAsync(nextSeq: 31, floor: 30, acked: 10)).CommitsLost);
    }

    private Task<CommitReply> CommitAsync(int window, ulong seq)
    {
        var request = _test.Request(0, TestLog.Totals(1), TestLog.Part(seq, 1));
        request.Key = TestLog.Window(TestLog.Start + 10 * (window - 1));
        return _test.CommitAsync(request);
    }

    private Task<AdmitInstanceReply> ReconnectAsync(ulong nextSeq, ulong floor, ulong acked, byte instance = 1) => _test.Log.AdmitInstanceAsync(
        new AdmitInstanceRequest { Node = "gpu-1", Instance = TestLog.Instance(instance), NextSeq = nextSeq, Floor = floor, HighestAcked = acked });

    private async Task CheckReportedAsync(ulong lost, string host)
    {
        Assert.Equal(lost, (await _test.Log.StatusAsync()).CommitsLost);
        var lines = (await _test.BeginAsync())!.Lines.Select(l => l.Line).ToList();
        var told = Assert.Single(lines, l => l.StartsWith("vibe_event,", StringComparison.Ordinal));
        Assert.StartsWith($"vibe_event,{host},kind=commits_lost ", told, StringComparison.Ordinal);
        Assert.Contains("severity=\"critical\"", told, StringComparison.Ordinal);
        await _test.Log.PutOwnPointAsync("gw", TestLog.Start);
        Assert.Contains($",commits_lost={lost}i,", Assert.Single((await _test.BeginAsync())!.Lines).Line, StringComparison.Ordinal);
    }

    // What kill -9 leaves behind is what stands in the files.
    private void PutBack()
    {
        _test.Close();
        foreach (var file in Directory.GetFiles(_test.Folder, CommitLogFile.FileName + "*"))
        {
            File.Delete(file);
        }

        CopyFiles(_copy, _test.Folder);
    }

    private static void CopyFiles(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, CommitLogFile.FileName + "*").Where(f => !f.EndsWith("-shm", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
        }
    }
}

/// <summary>An owner of a window knows a revision that the log has no more.</summary>
[Collection(PostgresCollection.Name)]
public sealed class LostRevisionsTests(PostgresServer server)
{
    [Fact]
    public Task An_owner_that_asks_again_after_a_lost_answer_is_counted_and_told_once() => CheckAsync(null);

    [RequiresPostgresFact]
    public Task An_owner_that_asks_again_after_a_lost_answer_is_counted_and_told_once_on_postgres() => CheckAsync(server.Cluster);

    private static async Task CheckAsync(PostgresCluster? cluster)
    {
        var logger = new CollectingLogger<DatabaseCommitLog>();
        using var test = new TestLog(cluster: cluster) { Logger = logger };
        await test.CommitAsync(0, TestLog.Totals(1), TestLog.Part(10, 1));
        var request = test.Request(3, TestLog.Totals(4), TestLog.Part(13, 1));

        Assert.Equal(Outcome.Lost, (await test.CommitAsync(request)).Outcome);
        test.Reopen();
        Assert.Equal(Outcome.Late, (await test.CommitAsync(request)).Outcome);

        Assert.Equal(2UL, (await test.Log.StatusAsync()).CommitsLost);
        Assert.Single(logger.Lines, l => l.StartsWith("Critical", StringComparison.Ordinal));
        Assert.Single((await test.Log.LoadWindowAsync(TestLog.Window(), withHistory: true)).History);
    }
}

/// <summary>What each commit of a window added, for people.</summary>
[Collection(PostgresCollection.Name)]
public sealed class RevisionHistoryTests(PostgresServer server)
{
    [Fact]
    public Task Each_revision_says_what_it_added_and_lives_as_long_as_its_window() => CheckAsync(null);

    [RequiresPostgresFact]
    public Task Each_revision_says_what_it_added_and_lives_as_long_as_its_window_on_postgres() => CheckAsync(server.Cluster);

    private static async Task CheckAsync(PostgresCluster? cluster)
    {
        using var test = new TestLog(cluster: cluster);
        await test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 2, "gpu-2"), TestLog.Part(1, 1));
        test.Clock.Advance(TimeSpan.FromSeconds(90));
        await test.CommitAsync(1, TestLog.Totals(7), TestLog.Part(2, 4, "gpu-2"));
        await test.CommitAsync(1, TestLog.Totals(9), TestLog.Part(3, 6, "gpu-2"));

        Assert.Empty((await test.Log.LoadWindowAsync(TestLog.Window())).History);
        var history = (await test.Log.LoadWindowAsync(TestLog.Window(), withHistory: true)).History;

        Assert.Equal(2, history.Count);
        Assert.Equal((1UL, 2U, 3UL, 2U), (history[0].Revision, history[0].AddedRecords, history[0].Requests, history[0].Expected));
        Assert.Equal(["gpu-1", "gpu-2"], history[0].AddedHosts);
        Assert.Equal((2UL, 1U, 7UL, 1U), (history[1].Revision, history[1].AddedRecords, history[1].Requests, history[1].Expected));
        Assert.Equal(90_000, history[1].AtUnixMs - history[0].AtUnixMs);

        test.Clock.Advance(TimeSpan.FromHours(200));
        await test.RollUpAsync();
        while (await test.Log.MaintainAsync())
        {
        }

        Assert.Empty((await test.Log.LoadWindowAsync(TestLog.Window(), withHistory: true)).History);
        Assert.Equal(0, await test.Log.ReadAsync(db => db.Number("SELECT count(*) FROM revisions")));
    }
}
