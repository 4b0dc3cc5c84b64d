using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Spool;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Spool;

public sealed class SpoolWorkerTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private Task<SpoolWorker> OpenAsync(string? folder = null) =>
        SpoolWorker.OpenAsync(folder ?? _folder.Path, TimeProvider.System, NullLogger.Instance);

    [Fact]
    public async Task A_missing_folder_is_created_and_the_instance_survives_a_restart()
    {
        var folder = Path.Combine(_folder.Path, "a", "b");
        byte[] instance;
        using (var spool = await OpenAsync(folder))
        {
            instance = (await spool.RunAsync(store => store.Status)).Instance;
        }

        using var again = await OpenAsync(folder);
        Assert.Equal(16, instance.Length);
        Assert.Equal(instance, (await again.RunAsync(store => store.Status)).Instance);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5000)]
    public async Task A_damaged_file_is_set_aside_never_deleted_and_a_fresh_instance_begins(int brokenFrom)
    {
        using (var spool = await OpenAsync())
        {
            await spool.RunAsync(store => store.Watch("json_log:old", At(0)));
        }

        var path = Path.Combine(_folder.Path, SpoolFile.FileName);
        var bytes = await File.ReadAllBytesAsync(path);
        bytes.AsSpan(brokenFrom, bytes.Length - brokenFrom).Fill(0xA5);
        await File.WriteAllBytesAsync(path, bytes);

        using var fresh = await OpenAsync();
        Assert.True((await fresh.RunAsync(store => store.Watch("json_log:old", At(0)))).IsFresh);
        var aside = Assert.Single(Directory.GetFiles(_folder.Path, "spool.damaged-*.db"));
        Assert.Equal(bytes, await File.ReadAllBytesAsync(aside));
    }

    [Fact]
    public async Task A_lost_spool_says_from_when_to_when_requests_may_be_missing()
    {
        var path = Path.Combine(_folder.Path, SpoolFile.FileName);
        await File.WriteAllTextAsync(path, new string('x', 5000));
        File.SetLastWriteTimeUtc(path, At(-3600).UtcDateTime);

        using var fresh = await SpoolWorker.OpenAsync(_folder.Path, new FakeTimeProvider(At(0)), NullLogger.Instance);
        var contents = await fresh.RunAsync(store => store.Load());
        Assert.EndsWith("; requests from 2026-09-21 13:13:20 UTC, its last write, to 2026-09-21 14:13:20 UTC may be missing, and what it held unsent from before", contents.LostWhy, StringComparison.Ordinal);
        var ledger = contents.Status.Ledger.ToWire(contents.Status);
        Assert.Equal(At(0).ToUnixTimeMilliseconds(), ledger.ReplacesLostUnixMs);
        Assert.Equal(contents.Status.Instance, ledger.Instance.ToByteArray());
    }

    [Fact]
    public async Task A_file_whose_counters_do_not_add_up_is_damaged()
    {
        using (await OpenAsync())
        {
        }

        using (var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.Path, SpoolFile.FileName)};Pooling=False"))
        {
            connection.Open();
            SpoolSchema.Execute(connection, "UPDATE meta SET value = 5 WHERE name = 'seen'");
        }

        using var fresh = await OpenAsync();
        Assert.Single(Directory.GetFiles(_folder.Path, "spool.damaged-*.db"));
    }

    [Fact]
    public async Task A_new_source_of_a_sound_spool_is_not_fresh_and_keeps_its_first_time()
    {
        using (var spool = await OpenAsync())
        {
            Assert.Equal(new WatchedSource(At(0), false), await spool.RunAsync(store => store.Watch("json_log:log", At(0))));
        }

        using var again = await OpenAsync();
        Assert.Equal(new WatchedSource(At(0), false), await again.RunAsync(store => store.Watch("json_log:log", At(99))));
    }

    [Fact]
    public async Task Two_agents_cannot_share_a_spool()
    {
        using var first = await OpenAsync();
        var refusal = await Assert.ThrowsAsync<SpoolException>(() => OpenAsync());
        Assert.Contains("another agent uses", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_names_itself_and_the_cure()
    {
        var file = Path.Combine(_folder.Path, "file");
        await File.WriteAllTextAsync(file, "");
        var refusal = await Assert.ThrowsAsync<SpoolException>(() => OpenAsync(Path.Combine(file, "spool")));
        Assert.Contains(file, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("data_dir", refusal.Message, StringComparison.Ordinal);
    }

    [SmallDiskFact]
    public async Task A_folder_on_a_read_only_disk_names_itself_and_the_cure()
    {
        using var disk = new SmallDisk();
        using (await OpenAsync(disk.Path))
        {
        }

        disk.MakeReadOnly();
        foreach (var folder in new[] { disk.Path, Path.Combine(disk.Path, "new") })
        {
            var refusal = await Assert.ThrowsAsync<SpoolException>(() => OpenAsync(folder));
            Assert.Contains(folder, refusal.Message, StringComparison.Ordinal);
            Assert.Contains("read-only", refusal.Message, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("data_dir", refusal.Message, StringComparison.Ordinal);
        }

        disk.MakeReadOnly(false);
        using var again = await OpenAsync(disk.Path);
        Assert.Empty(Directory.GetFiles(disk.Path, "spool.damaged-*.db"));
    }

    [Fact]
    public async Task A_spool_of_an_earlier_release_is_brought_forward_with_its_records()
    {
        using (var spool = await OpenAsync())
        {
            var state = State(Settings(RequestLog));
            state.Fold(Lines(7, Request(1)), At(1));
            await spool.RunAsync(store => store.Commit(state.TakeBatch(At(12), 0), new WindowCloser(Settings(RequestLog))));
        }

        using (var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.Path, SpoolFile.FileName)};Pooling=False"))
        {
            connection.Open();
            SpoolSchema.Execute(connection, """
                DROP INDEX records_waiting;
                ALTER TABLE records DROP COLUMN level;
                ALTER TABLE records DROP COLUMN bytes;
                DELETE FROM meta WHERE name IN ('dropped_spool_full', 'node_points_coalesced', 'records_coalesced');
                """);
        }

        using var again = await OpenAsync();
        Assert.Equal(1, (await again.RunAsync(store => store.Drop(1))).Dropped);
    }

    [Theory]
    [InlineData("PRAGMA synchronous = OFF", "synchronous = 0")]
    [InlineData("PRAGMA synchronous = NORMAL", "synchronous = 1")]
    [InlineData("PRAGMA journal_mode = DELETE", "journal_mode = delete")]
    public void A_spool_that_a_power_cut_could_roll_back_is_refused(string pragma, string complaint)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.Path, "other.db")};Pooling=False");
        connection.Open();
        SpoolSchema.Apply(connection);
        SpoolSchema.RequireDurable(connection, "other.db");
        SpoolSchema.Execute(connection, pragma);

        var refusal = Assert.Throws<SpoolException>(() => SpoolSchema.RequireDurable(connection, "other.db"));
        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replaced_spool_is_kept_and_the_new_one_has_another_instance()
    {
        using var spool = await OpenAsync();
        var before = (await spool.RunAsync(store => store.Status)).Instance;

        Assert.NotEqual(before, (await spool.ReplaceAsync("it went back in time")).Instance);
        Assert.Single(Directory.GetFiles(_folder.Path, "spool.lost-*.db"));
        Assert.StartsWith("it went back in time; ", (await spool.RunAsync(store => store.Load())).LostWhy, StringComparison.Ordinal);
    }

    [SmallDiskFact]
    public async Task A_spool_that_could_not_be_replaced_is_replaced_with_the_next_work()
    {
        using var disk = new SmallDisk();
        using var spool = await OpenAsync(disk.Path);
        var before = (await spool.RunAsync(store => store.Status)).Instance;
        disk.Fill();
        await Assert.ThrowsAsync<SpoolException>(() => spool.ReplaceAsync("it went back in time"));
        await Assert.ThrowsAsync<SpoolException>(() => spool.RunAsync(store => store.Status));
        disk.Empty();
        Assert.NotEqual(before, (await spool.RunAsync(store => store.Status)).Instance);
        Assert.StartsWith("it went back in time; ", (await spool.RunAsync(store => store.Load())).LostWhy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_end_before_the_new_spool_was_begun_loses_no_knowledge_of_the_old_one()
    {
        using (var spool = await OpenAsync())
        {
            await spool.RunAsync(store => store.Watch("json_log:old", At(0)));
        }

        using (var file = SpoolFile.Lock(_folder.Path))
        {
            file.SetAside("lost", At(0));
        }

        using var fresh = await OpenAsync();
        Assert.True((await fresh.RunAsync(store => store.Watch("json_log:old", At(0)))).IsFresh);
        Assert.Contains("was set aside", (await fresh.RunAsync(store => store.Load())).LostWhy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_spool_is_the_same_without_its_write_ahead_log()
    {
        byte[] instance;
        using (var spool = await OpenAsync())
        {
            instance = (await spool.RunAsync(store => store.Status)).Instance;
            foreach (var file in Directory.GetFiles(_folder.Path, "spool.db*"))
            {
                File.Copy(file, file.Replace("spool.db", "copy.db", StringComparison.Ordinal));
            }
        }

        File.Move(Path.Combine(_folder.Path, "copy.db"), Path.Combine(_folder.Path, SpoolFile.FileName), overwrite: true);
        using var again = await OpenAsync();
        Assert.Equal(instance, (await again.RunAsync(store => store.Status)).Instance);
    }

    [Fact]
    public async Task What_was_set_aside_once_says_nothing_of_a_spool_that_was_begun_since()
    {
        using (var spool = await OpenAsync())
        {
            await spool.ReplaceAsync("lost");
        }

        using var again = await OpenAsync();
        Assert.Null((await again.RunAsync(store => store.Load())).LostWhy);
    }

    [Fact]
    public async Task An_upgrade_that_ends_half_way_is_gone_on_with()
    {
        using (await OpenAsync())
        {
        }

        using (var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.Path, SpoolFile.FileName)};Pooling=False"))
        {
            connection.Open();
            SpoolSchema.Execute(connection, "DROP INDEX records_waiting; ALTER TABLE records DROP COLUMN bytes; ALTER TABLE sources DROP COLUMN unused_hours;");
        }

        using var again = await OpenAsync();
        Assert.Equal(0, (await again.RunAsync(store => store.Status)).Records);
    }

    [Fact]
    public async Task What_happened_goes_out_as_offered_and_the_spool_remembers_that()
    {
        using var spool = await OpenAsync();
        var state = State(Settings(RequestLog));
        var batch = state.TakeBatch(At(1), offerBudget: 5) with { Events = [new FleetVibe.Protocol.V1.Point { Measurement = "vibe_event" }] };
        var seq = Assert.Single((await spool.RunAsync(store => store.Commit(batch, new WindowCloser(Settings(RequestLog))))).Records).Seq;
        Assert.Equal([seq], await spool.RunAsync(store => store.OfferedSequences()));
        Assert.Equal(seq, (await spool.RunAsync(store => store.Status)).HighestOffered);
    }

    [Fact]
    public async Task A_source_that_was_not_used_for_a_month_of_work_is_forgotten()
    {
        using var spool = await OpenAsync();
        await spool.RunAsync(store => store.Watch("json_log:gone", At(0)));
        await spool.RunAsync(store => store.Watch(RequestLog.Key, At(0)));
        var state = State(Settings(RequestLog));
        var hour = 0;
        async Task WorkAsync(int hours)
        {
            for (var end = hour + hours; hour < end; hour++)
            {
                var batch = state.TakeBatch(At(hour * 3600d), 0) with { Closing = [] };
                await spool.RunAsync(store => store.Commit(batch, new WindowCloser(Settings(RequestLog))));
            }
        }

        async Task<DateTimeOffset> WatchedAsync(string key) => (await spool.RunAsync(store => store.Watch(key, At(9e6)))).WatchedSince;
        await WorkAsync(30 * 24);
        Assert.Equal(At(0), await WatchedAsync("json_log:gone"));
        await WorkAsync(2);
        Assert.Equal(At(9e6), await WatchedAsync("json_log:gone"));
        Assert.Equal(At(0), await WatchedAsync(RequestLog.Key));
    }

    [Fact]
    public async Task A_transaction_that_fails_half_way_changes_nothing()
    {
        using var spool = await OpenAsync();
        var state = State(Settings(RequestLog));
        state.Fold(Lines(7, Request(1)), At(1));
        var batch = state.TakeBatch(At(12), 0);
        await Assert.ThrowsAnyAsync<Exception>(() => spool.RunAsync(store => store.Commit(batch with { Checkpoints = new Dictionary<string, byte[]> { ["log"] = null! } }, new WindowCloser(Settings(RequestLog)))));

        var contents = await spool.RunAsync(store => store.Load());
        Assert.Equal((0, 0, 1UL), (contents.Status.Ledger.Seen, contents.Status.Records, contents.Status.NextSeq));

        var result = await spool.RunAsync(store => store.Commit(batch, new WindowCloser(Settings(RequestLog))));
        Assert.Equal((1, 1), (result.Status.Ledger.Seen, result.Status.Records));
    }
}
