using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Store;

/// <summary>Which log this is. Aggregators pin <paramref name="LogId"/>; a higher generation replaced a damaged log.</summary>
internal sealed record LogIdentity(string LogId, long Generation, long Born);

/// <summary>
/// The file of the commit log: opened by one gateway alone, checked for durability, and set aside, never deleted, where it is damaged.
/// </summary>
internal sealed class CommitLogFile : IStoreBackend
{
    internal const string FileName = "commit-log.db";

    private const string DamagedMark = "commit-log.damaged";
    private const int ReadOnlyDisk = 30; // EROFS

    // A full check reads the whole file; above this size only its structure at the root is looked at.
    private const long FullCheckBytes = 256 << 20;

    private readonly string _folder;
    private readonly FileStream _lock;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private SqliteDatabase _writer = null!;

    private CommitLogFile(string folder, FileStream @lock, TimeProvider clock, ILogger logger)
    {
        _folder = folder;
        _lock = @lock;
        _clock = clock;
        _logger = logger;
    }

    internal string Path => System.IO.Path.Combine(_folder, FileName);

    public LogIdentity Identity { get; private set; } = null!;

    /// <exception cref="StoreUnusableException">Another gateway has the folder, it cannot be written, or commits would not be durable.</exception>
    internal static CommitLogFile Open(string folder, TimeProvider clock, ILogger logger, TimeSpan retention)
    {
        FileStream @lock;
        var lockPath = System.IO.Path.Combine(folder, "commit-log.lock");
        try
        {
            Directory.CreateDirectory(folder);
            @lock = new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StoreUnusableException($"the commit log's folder {folder} cannot be written: give the service's user write permission", e);
        }
        catch (IOException e) when (e.HResult == ReadOnlyDisk)
        {
            throw new StoreUnusableException($"the commit log's folder {folder} is on a read-only disk: mount it for writing, or set data_dir to another folder", e);
        }
        catch (IOException e) when (File.Exists(lockPath))
        {
            throw new StoreUnusableException($"another gateway uses {folder} (its lock is {lockPath}): stop it, or give this one a data_dir of its own", e);
        }
        catch (IOException e)
        {
            throw new StoreUnusableException($"the commit log's folder {folder} cannot be made ({e.Message}): set data_dir to a folder that can be written", e);
        }

        var file = new CommitLogFile(folder, @lock, clock, logger);
        try
        {
            (file._writer, file.Identity) = file.OpenOrReplace(retention);
            return file;
        }
        catch (Exception e)
        {
            @lock.Dispose();
            throw e is SqliteException ? SqliteDatabase.Unwritable(file.Path, e) : e;
        }
    }

    public void MarkDamaged()
    {
        _logger.LogCritical("The commit log {Path} is damaged: nothing is accepted any more; restart the gateway, which sets the file aside", Path);
        try
        {
            File.WriteAllText(System.IO.Path.Combine(_folder, DamagedMark), "set aside at the next start\n");
        }
        catch (IOException e)
        {
            _logger.LogError(e, "Cannot leave the mark {Mark} beside the damaged commit log", DamagedMark);
        }
    }

    public Database OpenWriter() => _writer;

    public Database OpenReader()
    {
        var reader = new SqliteDatabase(Path, create: false);
        reader.Run("PRAGMA query_only = ON");
        return reader;
    }

    /// <summary>File and write-ahead log together.</summary>
    public long BytesOf(Database reader) => LengthOf(Path) + LengthOf(Path + "-wal");

    public void LimitSize(Database writer, long bytes)
    {
        var pageSize = writer.Number("PRAGMA page_size")!.Value;
        writer.Number(FormattableString.Invariant($"PRAGMA max_page_count = {Math.Max(64, bytes / pageSize)}"));
    }

    /// <summary>Reads the durability settings back.</summary>
    /// <exception cref="StoreUnusableException">A commit could be lost at a power cut.</exception>
    internal static void RequireDurable(Database database, string path)
    {
        var journal = database.Text("PRAGMA journal_mode");
        var synchronous = database.Number("PRAGMA synchronous");
        if (journal != "wal" || synchronous != 2)
        {
            throw new StoreUnusableException(
                $"{path} runs with journal_mode={journal}, synchronous={synchronous}, but an acknowledged commit must survive a power cut (wal, 2 = FULL): put data_dir on a local file system");
        }
    }

    public void Dispose() => _lock.Dispose();

    private (SqliteDatabase, LogIdentity) OpenOrReplace(TimeSpan retention)
    {
        var mark = System.IO.Path.Combine(_folder, DamagedMark);
        if (File.Exists(Path))
        {
            if (!File.Exists(mark) && TryOpen() is { } opened)
            {
                return opened;
            }

            if (File.Exists(Path))
            {
                SetAside();
            }

            File.Delete(mark);
        }

        var replaced = Directory.EnumerateFiles(_folder, "commit-log-damaged-*.db").Count();
        return Create(1 + replaced, replaced > 0, retention);
    }

    private (SqliteDatabase, LogIdentity)? TryOpen()
    {
        SqliteDatabase? database = null;
        try
        {
            database = new SqliteDatabase(Path, create: false);
            MakeDurable(database);
            var check = database.Text(LengthOf(Path) <= FullCheckBytes ? "PRAGMA quick_check(1)" : "SELECT 'ok' FROM sqlite_schema LIMIT 1");
            if (check is not null and not "ok")
            {
                _logger.LogError("The check of {Path} found: {Finding}", Path, check);
                database.Dispose();
                return null;
            }

            if (database.Number("SELECT count(*) FROM sqlite_schema") == 0)
            {
                // A start that was killed before the tables were committed: nothing was ever in it.
                database.Dispose();
                File.Delete(Path);
                return null;
            }

            var version = database.Number("SELECT schema_version FROM meta");
            if (version > Schema.Version)
            {
                throw new StoreUnusableException($"{Path} was written by a newer FleetVibe (schema {version}, this one knows {Schema.Version}): run that version");
            }

            if (version < Schema.Version)
            {
                database.Execute("BEGIN IMMEDIATE");
                database.Run(Schema.From(version.Value));
                database.Execute("COMMIT");
                _logger.LogInformation("The commit log {Path} was brought from schema {Old} to {Version}", Path, version, Schema.Version);
            }

            using var row = database.Query("SELECT log_id, generation, born FROM meta");
            if (row.Read())
            {
                return (database, new LogIdentity(row.GetString(0), row.GetInt64(1), row.GetInt64(2)));
            }

            database.Dispose();
            return null;
        }
        catch (SqliteException e) when (e.SqliteErrorCode is 11 or 26 or 1)
        {
            _logger.LogError("The commit log {Path} cannot be read: {Error}", Path, e.Message);
            database?.Dispose();
            return null;
        }
        catch
        {
            database?.Dispose();
            throw;
        }
    }

    private (SqliteDatabase, LogIdentity) Create(long generation, bool afterDamage, TimeSpan retention)
    {
        var now = _clock.GetUtcNow();
        var born = now.ToUnixTimeSeconds();
        var identity = new LogIdentity(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), generation, born);

        // After damage nothing that may have been committed before is taken again; a first log has no before.
        var horizon = afterDamage ? born : Horizon.At(now, retention);
        var database = new SqliteDatabase(Path, create: true);
        try
        {
            MakeDurable(database);
            database.Execute("BEGIN IMMEDIATE");
            database.Run(Schema.Tables);
            database.Execute("INSERT INTO meta VALUES (1, $1, $2, $3, $4, $5)", identity.LogId, generation, born, horizon, (long)Schema.Version);
            if (afterDamage)
            {
                var text = $"the commit log was damaged and set aside; a new one, number {generation}, begins: windows before it stay as they were sent, and what comes for them is counted as late";
                HeadTable.Raise(
                    database, EventPoint.Render(EventPoint.FleetHost, EventPoint.CommitsLost, text, now), new PointRevision(generation, now.ToUnixTimeMilliseconds()), now);
            }

            database.Execute("COMMIT");

            // Which log it is must not go with a write-ahead log that is lost.
            database.Text("PRAGMA wal_checkpoint(TRUNCATE)");
        }
        catch
        {
            database.Dispose();
            throw;
        }

        if (afterDamage)
        {
            _logger.LogCritical(
                "A new commit log {LogId} (generation {Generation}) begins at {Born}; windows before it are refused as late, and aggregators that pinned the old log wait for the operator",
                identity.LogId, generation, now);
        }
        else
        {
            _logger.LogInformation("Commit log {LogId} created in {Path}", identity.LogId, Path);
        }

        return (database, identity);
    }

    private void MakeDurable(Database database)
    {
        database.Text("PRAGMA journal_mode = WAL");
        database.Run("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 67108864;");
        RequireDurable(database, Path);
    }

    private void SetAside()
    {
        var stamp = _clock.GetUtcNow().UtcDateTime.ToString("yyyyMMdd'T'HHmmssfff'Z'", CultureInfo.InvariantCulture);
        var aside = System.IO.Path.Combine(_folder, $"commit-log-damaged-{stamp}.db");
        File.Move(Path, aside);
        foreach (var suffix in (ReadOnlySpan<string>)["-wal", "-shm"])
        {
            if (File.Exists(Path + suffix))
            {
                File.Move(Path + suffix, aside + suffix);
            }
        }

        _logger.LogCritical("The damaged commit log was set aside as {Aside}; nothing in it is lost to inspection", aside);
    }

    private static long LengthOf(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;
}
