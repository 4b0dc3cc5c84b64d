using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Spool;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
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

        Assert.NotEqual(before, (await spool.ReplaceAsync("lost")).Instance);
        Assert.Single(Directory.GetFiles(_folder.Path, "spool.lost-*.db"));
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
