namespace FleetVibe.Configuration.Schema;

internal static class GatewaySchema
{
    public const string V2 = "influxdb_v2";
    public const string V1 = "influxdb_v1";
    public const string Listener = "http_listener_v2";

    public const string Sqlite = "sqlite";
    public const string Postgres = "postgres";

    public static SectionSpec Gateway { get; } = new("gateway", "The durable end: commit log, roll-ups and delivery to Telegraf.")
    {
        Keys =
        [
            .. ConfigurationSchema.ListenKeys(":7073", "gateway", "aggregators"),
            new KeySpec("insecure", new BooleanType(), "Allows plain http and a missing token off loopback.") { Default = "false" },
            new KeySpec("store", new ChoiceType("store", [Sqlite, Postgres], Postgres), "Where the commit log is kept: a file in data_dir, or PostgreSQL, which several gateways may share.") { Default = Sqlite },
            new KeySpec("connection_file", new ConnectionFileType("/etc/fleetvibe/postgres.connection"), "A file with the connection string on one line, such as Host=db;Username=fleetvibe;Password=...;Database=fleetvibe.") { OnlyFor = [Postgres] },
            new KeySpec("window_retention", new DurationType("1h", "30d", "\"48h\""), "Older requests are refused as late, and counted.") { Default = "72h" },
            new KeySpec("store_max_bytes", new SizeType("64MiB", "16TiB", "\"40GiB\""), "Limit of the commit log with its outbox. On PostgreSQL the server's disk is the limit.") { Default = "20GiB", OnlyFor = [Sqlite] },
            new KeySpec("integer_compat", new BooleanType(), "Writes response_time_ms and gpu_util_percent of vibe_model as integers, for a database that has them so.") { Default = "false" },
        ],
        Sections = [Telegraf],
    };

    private static SectionSpec Telegraf => new("telegraf", "Where points go. Needed in every gateway.")
    {
        Keys =
        [
            new KeySpec("url", new UrlType(true, "\"https://telegraf:8187\""), "Base address of the listener; the dialect adds its path.") { Required = true },
            new KeySpec("dialect", new ChoiceType("dialect", [V2, V1, Listener], V1), "Which listener of Telegraf, or write API of InfluxDB, is there.") { Default = V2 },
            new KeySpec("token_file", new TokenFileType("/etc/fleetvibe/telegraf.token"), "The token for it.") { OnlyFor = [V2, V1] },
            new KeySpec("token", new SecretType("use token_file, or token = \"${NAME}\"", AsToken: true), "The token, out of the environment.") { OnlyFor = [V2, V1] },
            .. ConfigurationSchema.TrustKeys("Allows a token or a password over plain http off loopback."),
            new KeySpec("bucket", new TextType("fleet"), "Bucket of the write.") { OnlyFor = [V2] },
            new KeySpec("org", new TextType("ml"), "Organisation of the write.") { OnlyFor = [V2] },
            new KeySpec("database", new TextType("fleet"), "Database of the write.") { OnlyFor = [V1] },
            new KeySpec("retention_policy", new TextType("month"), "Retention policy of the write.") { OnlyFor = [V1], DefaultNote = "the database's" },
            new KeySpec("username", new TextType("fleetvibe"), "User of basic authentication, with password_file.") { OnlyFor = [V1, Listener] },
            new KeySpec("password_file", new TokenFileType("/etc/fleetvibe/telegraf.password"), "A file that holds the password.") { OnlyFor = [V1, Listener] },
            new KeySpec("create_database", new BooleanType(), "Creates the database where it is missing.") { OnlyFor = [V1], Default = "false" },
            new KeySpec("path", new TextType("/write-here"), "Path of the listener.") { OnlyFor = [Listener], Default = "/telegraf" },
            new KeySpec("batch_lines", new IntegerType(1, 100_000, "1000"), "Most lines of a batch.") { Default = "5000" },
            new KeySpec("batch_bytes", new SizeType("4KiB", "32MiB", "\"2MiB\""), "Most bytes of a batch.") { Default = "1MiB" },
            new KeySpec("flush", new DurationType("100ms", "1m", "\"2s\""), "How long a batch waits to fill.") { Default = "1s" },
            new KeySpec("timeout", new DurationType("1s", "2m", "\"20s\""), "After it a batch's outcome is unknown and it is sent again.") { Default = "10s" },
        ],
    };
}
