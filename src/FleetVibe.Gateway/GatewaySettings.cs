using FleetVibe.Protocol.Transport;

namespace FleetVibe.Gateway;

/// <summary>What a gateway needs, validated. Defaults are those of the configuration reference.</summary>
public sealed record GatewaySettings
{
    /// <summary>The <c>host</c> tag of the gateway's own points.</summary>
    public string Name { get; init; } = "gateway";

    /// <summary>Where aggregators connect.</summary>
    public required ListenSettings Listen { get; init; }

    /// <summary>Folder of the commit log; not used where it is on PostgreSQL.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Null: the commit log is a file in <see cref="DataDirectory"/>.</summary>
    public PostgresSettings? Postgres { get; init; }

    public required TelegrafSettings Telegraf { get; init; }

    /// <summary>Windows older than this are refused as late.</summary>
    public TimeSpan WindowRetention { get; init; } = TimeSpan.FromHours(72);

    /// <summary>Limit of the commit log with the outbox; for a file only.</summary>
    public long StoreMaxBytes { get; init; } = 20L << 30;

    /// <summary>Rounds response_time_ms and gpu_util_percent of vibe_model to integers for an existing database.</summary>
    public bool IntegerCompat { get; init; }
}

/// <summary>A commit log on PostgreSQL, which several gateways may share.</summary>
/// <param name="ConnectionFile">Holds the connection string, a secret, on one line; read again at each connection.</param>
public sealed record PostgresSettings(string ConnectionFile)
{
    /// <summary>Whether the file can be read and holds a connection string.</summary>
    public bool IsSound()
    {
        try
        {
            return PostgresBackend.ConnectionOf(this).Host is not null;
        }
        catch (StoreUnusableException)
        {
            return false;
        }
    }

    /// <exception cref="StoreUnusableException">The file cannot be read, or is empty.</exception>
    internal string ReadConnection()
    {
        string text;
        try
        {
            text = File.ReadAllText(ConnectionFile).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnusableException($"connection_file {ConnectionFile} cannot be read ({e.GetType().Name}): make it, and give the service's user read permission", e);
        }

        return text.Length > 0 ? text : throw new StoreUnusableException($"connection_file {ConnectionFile} is empty: write Host=...;Username=...;Password=...;Database=... into it");
    }
}

/// <summary>Which write API is spoken.</summary>
public enum TelegrafDialect
{
    InfluxDbV2,
    InfluxDbV1,
    HttpListenerV2,
}

/// <summary>Where points go.</summary>
public sealed record TelegrafSettings
{
    /// <summary>Base address; the dialect adds its path.</summary>
    public required Uri Url { get; init; }

    public TelegrafDialect Dialect { get; init; } = TelegrafDialect.InfluxDbV2;

    public BearerToken? Token { get; init; }

    public string? CaFile { get; init; }

    public bool Insecure { get; init; }

    /// <summary>influxdb_v2 only.</summary>
    public string? Bucket { get; init; }

    /// <summary>influxdb_v2 only.</summary>
    public string? Org { get; init; }

    /// <summary>influxdb_v1 only.</summary>
    public string? Database { get; init; }

    /// <summary>influxdb_v1 only.</summary>
    public string? RetentionPolicy { get; init; }

    /// <summary>influxdb_v1 and http_listener_v2.</summary>
    public string? Username { get; init; }

    public BearerToken? Password { get; init; }

    /// <summary>influxdb_v1 only: CREATE DATABASE where the database is missing, once a minute at most.</summary>
    public bool CreateDatabase { get; init; }

    /// <summary>http_listener_v2 only.</summary>
    public string Path { get; init; } = "/telegraf";

    public int BatchLines { get; init; } = 5000;

    public int BatchBytes { get; init; } = 1 << 20;

    public TimeSpan FlushInterval { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Shorter than the 10 s after which a Telegraf closes an idle connection.</summary>
    public TimeSpan IdleConnection { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>After an unknown outcome no higher revision of the same points is sent for this long.</summary>
    public TimeSpan QuietTime { get; init; } = TimeSpan.FromSeconds(30);
}
