using System.Globalization;
using Microsoft.Data.Sqlite;

namespace FleetVibe.Agent.Spool;

/// <summary>The spool's tables, and the settings of SQLite without which an acknowledgement would be a lie.</summary>
internal static class SpoolSchema
{
    private const long SynchronousFull = 2;

    private const string Tables = """
        CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS records (
            seq INTEGER PRIMARY KEY, offered INTEGER NOT NULL, requests INTEGER NOT NULL, window_start INTEGER NOT NULL, content BLOB NOT NULL,
            level INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0);
        CREATE INDEX IF NOT EXISTS records_offered ON records (seq) WHERE offered = 1;
        CREATE TABLE IF NOT EXISTS open_windows (start INTEGER PRIMARY KEY, content BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS closed_windows (start INTEGER PRIMARY KEY, changed INTEGER NOT NULL, content BLOB);
        CREATE INDEX IF NOT EXISTS closed_windows_changed ON closed_windows (changed) WHERE content IS NOT NULL;
        CREATE TABLE IF NOT EXISTS sources (
            key TEXT PRIMARY KEY, watched_since INTEGER NOT NULL, fresh INTEGER NOT NULL, checkpoint BLOB,
            unused_hours INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
        """;

    // What a spool of an earlier release lacks. Each comes in one transaction: an end half-way leaves it to the next start.
    private static readonly (string Table, string Column, string Sql)[] Later =
    [
        ("records", "level", "ALTER TABLE records ADD COLUMN level INTEGER NOT NULL DEFAULT 0;"),
        ("records", "bytes", "ALTER TABLE records ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0; UPDATE records SET bytes = length(content);"),
        ("sources", "unused_hours", "ALTER TABLE sources ADD COLUMN unused_hours INTEGER NOT NULL DEFAULT 0;"),
    ];

    // Holds all that a plan reads, in its order.
    private const string WaitingIndex = "CREATE INDEX IF NOT EXISTS records_waiting ON records (window_start, seq, level, bytes) WHERE offered = 0;";

    internal static void Apply(SqliteConnection connection)
    {
        Execute(connection, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216;");
        Execute(connection, Tables);
        foreach (var (table, column, sql) in Later)
        {
            if (Scalar(connection, $"SELECT count(*) FROM pragma_table_info('{table}') WHERE name = '{column}'") is 0L)
            {
                Execute(connection, $"BEGIN IMMEDIATE; {sql} COMMIT;");
            }
        }

        Execute(connection, WaitingIndex);
    }

    /// <summary>Reads the settings back: a file system or a build of SQLite may have refused them in silence.</summary>
    /// <exception cref="SpoolException">A commit would not survive a power cut.</exception>
    internal static void RequireDurable(SqliteConnection connection, string path)
    {
        var synchronous = Scalar(connection, "PRAGMA synchronous");
        if (!Equals(synchronous, SynchronousFull))
        {
            throw new SpoolException(
                $"the spool {path} runs with synchronous = {synchronous} instead of 2 (FULL), so a power cut could lose acknowledged data; refusing to run");
        }

        var journal = Convert.ToString(Scalar(connection, "PRAGMA journal_mode"), CultureInfo.InvariantCulture);
        if (!string.Equals(journal, "wal", StringComparison.OrdinalIgnoreCase))
        {
            throw new SpoolException(
                $"the spool {path} runs with journal_mode = {journal} instead of wal; put data_dir on a local file system (not NFS or SMB)");
        }
    }

    /// <exception cref="SpoolDamagedException">The file contradicts itself.</exception>
    internal static void RequireIntact(SqliteConnection connection)
    {
        var verdict = Convert.ToString(Scalar(connection, "PRAGMA quick_check(1)"), CultureInfo.InvariantCulture);
        if (verdict != "ok")
        {
            throw new SpoolDamagedException(verdict ?? "no verdict");
        }
    }

    internal static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    internal static object? Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
