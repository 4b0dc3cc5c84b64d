using System.Data.Common;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace FleetVibe.Gateway.Store;

/// <summary>A connection to the file of an embedded log.</summary>
internal sealed class SqliteDatabase : Database
{
    private const int SqliteReadOnly = 8;
    private const int SqliteIoError = 10;
    private const int SqliteCorrupt = 11;
    private const int SqliteFull = 13;
    private const int SqliteCannotOpen = 14;
    private const int SqliteNotADatabase = 26;
    private const int SqliteIoErrorShmSize = 4874;

    private readonly SqliteConnection _connection;
    private readonly string _path;

    internal SqliteDatabase(string path, bool create)
    {
        _path = path;
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = create ? SqliteOpenMode.ReadWriteCreate : SqliteOpenMode.ReadWrite,
            Pooling = false,
            DefaultTimeout = 30,
        }.ToString());
        _connection.Open();
    }

    // SQLite may take a failed transaction back by itself, as when the disk is full.
    internal override bool InTransaction => SQLitePCL.raw.sqlite3_get_autocommit(_connection.Handle) == 0;

    protected override DbConnection Connection => _connection;

    internal override void Begin(bool write) => Execute(write ? "BEGIN IMMEDIATE" : "BEGIN");

    internal override string IsIn(string column, int argument) =>
        FormattableString.Invariant($"{column} IN (SELECT value FROM json_each(${argument}))");

    internal override object ListOf(IReadOnlyCollection<long> numbers) => JsonSerializer.Serialize(numbers);

    internal override Exception? Explain(Exception fault) => fault switch
    {
        SqliteException { SqliteErrorCode: SqliteFull } or SqliteException { SqliteExtendedErrorCode: SqliteIoErrorShmSize } =>
            new StoreFullException($"the commit log {_path} has no room left: free disk space, or raise store_max_bytes under [gateway]", fault),
        SqliteException { SqliteErrorCode: SqliteCorrupt or SqliteNotADatabase } =>
            new StoreDamagedException($"the commit log {_path} is damaged; a restart of the gateway sets it aside", fault),
        SqliteException { SqliteErrorCode: SqliteReadOnly or SqliteIoError or SqliteCannotOpen } => Unwritable(_path, fault),
        _ => null,
    };

    /// <summary>What a file that cannot be used as it is means to a user.</summary>
    internal static StoreUnusableException Unwritable(string path, Exception fault) => new(
        $"the commit log {path} cannot be opened or written ({fault.Message}): give the service's user read and write permission on it and its folder, and see that the disk is not mounted read-only",
        fault);

    protected override DbParameter NewParameter(int number) => new SqliteParameter { ParameterName = FormattableString.Invariant($"${number}") };

    protected override void SetValue(DbParameter parameter, object? value)
    {
        ((SqliteParameter)parameter).ResetSqliteType();
        parameter.Value = value ?? DBNull.Value;
    }
}
