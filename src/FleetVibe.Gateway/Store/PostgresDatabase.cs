using System.Data;
using System.Data.Common;
using Npgsql;

namespace FleetVibe.Gateway.Store;

/// <summary>
/// A connection to a log on PostgreSQL, opened again where it was lost. A transaction that writes holds one lock of the log, so
/// that those of all gateways come one after the other: what holds for the one writer of a file holds for all of them.
/// </summary>
internal sealed class PostgresDatabase : Database
{
    private const string BeginRead = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

    // One log a schema. The statements after it see all that the holders before committed.
    private const string BeginWrite = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('fleetvibe commit log ' || current_schema(), 0))";

    // A gateway that is stopped or cut off in the middle of a transaction must not hold up the others.
    private const string SessionSettings = "SET idle_in_transaction_session_timeout = '5s'; SET lock_timeout = '10s'; SET client_min_messages = warning";

    private const string DriverAssembly = "Npgsql";

    private readonly Func<NpgsqlConnection> _connect;
    private readonly Action<PostgresDatabase> _check;
    private NpgsqlConnection _connection;
    private bool _begun;

    /// <param name="connect">Makes a closed connection.</param>
    /// <param name="check">Looks at each new connection before it is used; what it throws closes it.</param>
    internal PostgresDatabase(Func<NpgsqlConnection> connect, Action<PostgresDatabase> check)
    {
        _connect = connect;
        _check = check;
        _connection = connect();
        Place = PlaceOf(_connection);
    }

    /// <summary>Where the server is, without a secret.</summary>
    internal string Place { get; private set; }

    internal override bool InTransaction => _begun && _connection.State == ConnectionState.Open;

    protected override DbConnection Connection => _connection;

    internal override void Begin(bool write)
    {
        Open();
        _begun = true;
        Run(write ? BeginWrite : BeginRead);
    }

    /// <summary>Opens the connection where it is not open.</summary>
    internal void Open()
    {
        if (_connection.State == ConnectionState.Open)
        {
            return;
        }

        Close();
        _connection = _connect();
        Place = PlaceOf(_connection);
        _connection.Open();
        try
        {
            Run(SessionSettings);
            _check(this);
        }
        catch
        {
            Close();
            throw;
        }
    }

    internal override string IsIn(string column, int argument) => FormattableString.Invariant($"{column} = ANY (${argument})");

    internal override object ListOf(IReadOnlyCollection<long> numbers) => numbers.ToArray();

    internal override bool IsWorthRetrying(Exception fault) =>
        fault is PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected };

    internal override Exception? Explain(Exception fault) => fault switch
    {
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } full =>
            new StoreFullException($"{Place} has no room left ({full.MessageText}): free space on the server's disk", fault),
        PostgresException { SqlState: PostgresErrorCodes.DataCorrupted or PostgresErrorCodes.IndexCorrupted } damaged =>
            new StoreDamagedException($"{Place} is damaged ({damaged.MessageText}): restore it from a backup, then restart the gateway", fault),
        PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction } =>
            new StoreUnusableException($"{Place} is read-only: point connection_file at the primary", fault),
        PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable } =>
            new StoreUnavailableException($"{Place} was busy with another gateway's transaction for too long: try again", fault),
        PostgresException server when _connection.State != ConnectionState.Open || IsWorthRetrying(server) => Unreachable(server.MessageText, fault),
        PostgresException or NpgsqlOperationInProgressException => null,
        NpgsqlException or TimeoutException or IOException or System.Net.Sockets.SocketException => Unreachable(fault.Message, fault),
        InvalidOperationException when _begun && _connection.State != ConnectionState.Open => Unreachable(fault.Message, fault),

        // A server that stops while the driver reads its answer: the driver's own fields are gone under it.
        NullReferenceException when fault.Source == DriverAssembly => Unreachable("the connection was lost", fault),
        _ => null,
    };

    internal override bool Renew()
    {
        Close();
        return true;
    }

    protected override DbParameter NewParameter(int number) => new NpgsqlParameter();

    // PostgreSQL keeps no zero character in a text.
    protected override void SetValue(DbParameter parameter, object? value) =>
        parameter.Value = value is string text ? text.Replace('\0', '\uFFFD') : value ?? DBNull.Value;

    private StoreUnavailableException Unreachable(string message, Exception fault) =>
        new($"{Place} cannot be reached ({message}): nothing is acknowledged until it can", fault);

    private static string PlaceOf(NpgsqlConnection connection)
    {
        var text = new NpgsqlConnectionStringBuilder(connection.ConnectionString);
        return FormattableString.Invariant($"PostgreSQL database {text.Database} at {text.Host}:{text.Port}");
    }

    private void Close()
    {
        _begun = false;
        ForgetStatements();
        _connection.Dispose();
    }
}
