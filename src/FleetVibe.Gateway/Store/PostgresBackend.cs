using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace FleetVibe.Gateway.Store;

/// <summary>
/// A commit log on PostgreSQL, shared by any number of gateways: its tables stand in the first schema of the connection's search
/// path. Every connection is checked when it is opened, so that a server that was replaced meanwhile is met with the same care.
/// </summary>
internal sealed class PostgresBackend : IStoreBackend
{
    private const string ApplicationName = "fleetvibe";
    private const long FirstVersion = 3;

    // Attempts and leases are timed by the gateways' clocks.
    private static readonly TimeSpan MostClockSkew = TimeSpan.FromSeconds(5);

    private readonly PostgresSettings _settings;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly PostgresDatabase _writer;

    /// <exception cref="StoreUnusableException">A commit could be lost there, or the tables are those of a newer release.</exception>
    /// <exception cref="StoreUnavailableException">The server cannot be reached.</exception>
    internal PostgresBackend(PostgresSettings settings, TimeSpan retention, TimeProvider clock, ILogger logger)
    {
        _settings = settings;
        _clock = clock;
        _logger = logger;
        _writer = new PostgresDatabase(Connect, RequireSame);
        try
        {
            _writer.Begin(write: true);
            Identity = FindOrCreate(retention);
            _writer.Execute("COMMIT");
        }
        catch (Exception e)
        {
            var explained = Explain(_writer, e);
            _writer.Dispose();
            throw explained;
        }
    }

    public LogIdentity Identity { get; private set; } = null!;

    public Database OpenWriter() => _writer;

    public Database OpenReader() => new PostgresDatabase(Connect, RequireSame);

    public long BytesOf(Database reader) => reader.Number(
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'") ?? 0;

    /// <summary>Room on the server's disk is the server's concern: rows that are deleted make none that could be measured.</summary>
    public void LimitSize(Database writer, long bytes)
    {
    }

    public void MarkDamaged() =>
        _logger.LogCritical("{Place} is damaged: nothing is accepted any more; restore it from a backup, then restart the gateway", _writer.Place);

    public void Dispose()
    {
    }

    /// <summary>Connects once, and says what stands there.</summary>
    /// <exception cref="StoreUnusableException">It cannot be used as it is.</exception>
    /// <exception cref="StoreUnavailableException">It cannot be reached.</exception>
    internal static string Probe(PostgresSettings settings)
    {
        using var database = new PostgresDatabase(() => Connect(settings), RequireDurable);
        try
        {
            database.Open();
            return database.Text("SELECT to_regclass('meta')::text") is null
                ? $"{database.Place} holds no commit log yet: the gateway makes one"
                : $"{database.Place} holds commit log {database.Text("SELECT log_id FROM meta")}";
        }
        catch (Exception e)
        {
            throw Explain(database, e);
        }
    }

    private static Exception Explain(PostgresDatabase database, Exception e) => database.Explain(e) ?? (e is PostgresException fault
        ? new StoreUnusableException($"{database.Place} refuses: {fault.MessageText} ({fault.SqlState}); correct connection_file, or the rights of its user", e)
        : e);

    // The file is read each time, so that a changed password is taken without a restart.
    private NpgsqlConnection Connect() => Connect(_settings);

    /// <exception cref="StoreUnusableException">The file holds no connection string.</exception>
    internal static NpgsqlConnectionStringBuilder ConnectionOf(PostgresSettings settings)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(settings.ReadConnection());
        }
        catch (ArgumentException)
        {
            // Its message may hold a part of the secret.
            throw new StoreUnusableException($"{settings.ConnectionFile} is no connection string: write one line such as Host=db;Username=fleetvibe;Password=...;Database=fleetvibe");
        }
    }

    private static NpgsqlConnection Connect(PostgresSettings settings)
    {
        var text = ConnectionOf(settings);
        text.Pooling = false;
        text.MaxAutoPrepare = 200;
        text.AutoPrepareMinUsages = 2;
        text.IncludeErrorDetail = false;
        text.CommandTimeout = 15;
        text.KeepAlive = 10;
        text.ApplicationName ??= ApplicationName;
        if (!text.ContainsKey("Timeout"))
        {
            text.Timeout = 5;
        }

        return new NpgsqlConnection(text.ConnectionString);
    }

    /// <exception cref="StoreUnusableException">An acknowledged commit could be lost.</exception>
    internal static void RequireDurable(PostgresDatabase database)
    {
        if (database.Text("SELECT pg_is_in_recovery()::text") == "true")
        {
            throw new StoreUnusableException($"{database.Place} is a standby: point connection_file at the primary, or add Target Session Attributes=primary to it");
        }

        foreach (var setting in (ReadOnlySpan<string>)["fsync", "synchronous_commit"])
        {
            if (database.Text("SHOW " + setting) == "off")
            {
                throw new StoreUnusableException(
                    $"{database.Place} runs with {setting} = off, but an acknowledged commit must survive a power cut: set {setting} = on in postgresql.conf, or for the user and database");
            }
        }
    }

    // After the first connection: the server that answers now may be another one.
    private void RequireSame(PostgresDatabase database)
    {
        RequireDurable(database);
        if (Identity is null)
        {
            return;
        }

        var found = database.Text("SELECT to_regclass('meta')::text") is null ? "none" : database.Text("SELECT log_id FROM meta");
        if (found != Identity.LogId)
        {
            throw new StoreUnusableException($"{database.Place} now holds commit log {found}, not {Identity.LogId}: restart the gateways to accept it");
        }
    }

    private LogIdentity FindOrCreate(TimeSpan retention)
    {
        WarnOfSkew();
        if (_writer.Text("SELECT to_regclass('meta')::text") is not null)
        {
            var version = _writer.Number("SELECT schema_version FROM meta");
            if (version == FirstVersion)
            {
                RequireAlone();
                _writer.Run(Schema.ForPostgres(Schema.From(FirstVersion)));
                _logger.LogInformation("The commit log in {Place} was brought from schema {Old} to {Version}", _writer.Place, version, Schema.Version);
            }
            else if (version != Schema.Version)
            {
                throw new StoreUnusableException($"{_writer.Place} was written by another release of FleetVibe (schema {version}, this one knows {Schema.Version}): run that release");
            }

            using var row = _writer.Query("SELECT log_id, generation, born FROM meta");
            row.Read();
            return new LogIdentity(row.GetString(0), row.GetInt64(1), row.GetInt64(2));
        }

        var now = _clock.GetUtcNow();
        var identity = new LogIdentity(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), 1, now.ToUnixTimeSeconds());
        _writer.Run(Schema.ForPostgres(Schema.Tables));
        _writer.Execute(
            "INSERT INTO meta VALUES (1, $1, $2, $3, $4, $5)", identity.LogId, identity.Generation, identity.Born, Horizon.At(now, retention), (long)Schema.Version);
        _logger.LogInformation("Commit log {LogId} created in {Place}", identity.LogId, _writer.Place);
        return identity;
    }

    // A gateway of the earlier release would go on without counting what this one compares.
    private void RequireAlone()
    {
        var others = _writer.Number(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()", ApplicationName);
        if (others > 0)
        {
            throw new StoreUnusableException(
                $"{_writer.Place} is in use by gateways of an earlier release ({others} connections), and its tables have to be brought to this one's: stop them all, then start this one");
        }
    }

    private void WarnOfSkew()
    {
        var server = _writer.Number("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")!.Value;
        var skew = DateTimeOffset.FromUnixTimeMilliseconds(server) - _clock.GetUtcNow();
        if (skew.Duration() > MostClockSkew)
        {
            _logger.LogWarning(
                "The clock of {Place} is {Seconds:0.0} s from this gateway's: gateways that share a log need clocks that agree within {Limit:0} s", _writer.Place, skew.TotalSeconds, MostClockSkew.TotalSeconds);
        }
    }
}
