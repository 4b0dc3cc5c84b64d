using System.Globalization;
using Microsoft.Data.Sqlite;

namespace FleetVibe.Agent.Spool;

/// <summary>
/// The spool's file and its lock. Opens it, or sets a damaged one aside under another name and begins a new one; it
/// never deletes one. Two agents cannot open the same one.
/// </summary>
internal sealed class SpoolFile : IDisposable
{
    internal const string FileName = "spool.db";

    private const int Corrupt = 11;
    private const int NotADatabase = 26;
    private const int ReadOnlyDisk = 30; // EROFS

    private static readonly string[] Companions = ["", "-wal", "-shm"]; // the last holds no data

    private readonly string _directory;
    private readonly FileStream _lock;

    private SpoolFile(string directory, FileStream @lock)
    {
        _directory = directory;
        _lock = @lock;
    }

    internal string Path => System.IO.Path.Combine(_directory, FileName);

    /// <summary>Takes the lock; creates the folder where it is missing.</summary>
    /// <exception cref="SpoolException">No permission, or another agent holds it.</exception>
    internal static SpoolFile Lock(string directory)
    {
        var path = System.IO.Path.Combine(directory, "spool.lock");
        try
        {
            Directory.CreateDirectory(directory);
            return new SpoolFile(directory, new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new SpoolException($"no permission to write in {directory}: give it to the agent's user (chown), or set data_dir to another folder", e);
        }
        catch (IOException e) when (e.HResult == ReadOnlyDisk)
        {
            throw new SpoolException($"{directory} is on a read-only disk: mount it for writing, or set data_dir to another folder", e);
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new SpoolException($"another agent uses {directory} (its lock is {path}): stop it, or give this agent a data_dir of its own", e);
        }
        catch (IOException e)
        {
            throw new SpoolException($"cannot create {directory}: {e.Message}; set data_dir to a folder that can be written", e);
        }
    }

    /// <summary>Opens the database and proves that it is whole and durable.</summary>
    /// <exception cref="SpoolDamagedException">It is no database, or a broken one.</exception>
    /// <exception cref="SpoolException">It cannot be opened, or is not durable.</exception>
    internal SqliteConnection Open()
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path, Pooling = false }.ToString());
        try
        {
            connection.Open();
            SpoolSchema.RequireIntact(connection);
            SpoolSchema.Apply(connection);
            SpoolSchema.RequireDurable(connection, Path);
            return connection;
        }
        catch (SqliteException e)
        {
            connection.Dispose();
            throw IsDamage(e)
                ? new SpoolDamagedException(e.Message)
                : new SpoolException($"cannot open the spool {Path}: {e.Message}; the agent's user must own it and its disk must have room", e);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>When the file, or what belongs to it, was written last; null where it is not there. An opening may write it.</summary>
    internal DateTimeOffset? LastWrite() => LastWriteOf(FileName);

    /// <param name="name">A name as <see cref="SetAside"/> gives it.</param>
    internal DateTimeOffset? LastWriteOf(string name) => Companions.Take(2).Select(companion => System.IO.Path.Combine(_directory, name + companion))
        .Where(File.Exists).Select(path => (DateTimeOffset?)File.GetLastWriteTimeUtc(path)).Max();

    /// <summary>The newest of those that were set aside; null where there is none.</summary>
    internal string? LastAside =>
        Directory.EnumerateFiles(_directory, "spool.*-*.db").MaxBy(File.GetLastWriteTimeUtc) is { } path ? System.IO.Path.GetFileName(path) : null;

    /// <summary>Renames the file and what belongs to it. Returns the new name.</summary>
    /// <param name="state">A word for what it is, for the name.</param>
    internal string SetAside(string state, DateTimeOffset now)
    {
        var stamp = now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss", CultureInfo.InvariantCulture);
        var name = $"spool.{state}-{stamp}.db";
        for (var n = 1; File.Exists(System.IO.Path.Combine(_directory, name)); n++)
        {
            name = $"spool.{state}-{stamp}-{n}.db";
        }

        foreach (var companion in Companions.Where(companion => File.Exists(Path + companion)))
        {
            File.Move(Path + companion, System.IO.Path.Combine(_directory, name + companion));
        }

        return name;
    }

    internal static bool IsDamage(SqliteException e) => e.SqliteErrorCode is Corrupt or NotADatabase;

    public void Dispose() => _lock.Dispose();
}
