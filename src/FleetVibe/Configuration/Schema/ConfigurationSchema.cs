namespace FleetVibe.Configuration.Schema;

/// <summary>Every section and key there is. Validation, suggestions, <c>check</c> and the reference page all read this table.</summary>
internal static class ConfigurationSchema
{
    public static SectionSpec Root { get; } = new("", "")
    {
        Sections =
        [
            Node,
            AgentSchema.Agent,
            new SectionSpec("inputs", "Blocks of a Telegraf configuration that are taken as they are.") { Sections = [SourceSchema.VibeThinkerInput] },
            AggregatorSchema.Aggregator,
            GatewaySchema.Gateway,
            Dashboard,
        ],
    };

    private static SectionSpec Node => new("node", "This machine.")
    {
        Keys =
        [
            new KeySpec("name", new TextType("gpu-node-01"), "Name of this machine: the host tag of its points.") { DefaultNote = "the machine's name" },
            new KeySpec("data_dir", new PathType("/srv/fleetvibe"), "Folder of the spool and of the commit log. execd has its spool in the folder execd in it.") { Default = "/var/lib/fleetvibe" },
        ],
    };

    private static SectionSpec Dashboard => new("dashboard", "The web page. It is served wherever [aggregator] is, on loopback, without this section too.")
    {
        Keys =
        [
            new KeySpec("listen", new ListenType("\"127.0.0.1:8070\""), "Address of the page. A busy default port gives way to the next one; a configured one is an error.")
            {
                Default = "127.0.0.1:7070",
            },
            .. ListenKeys("", "page", "browsers").Skip(1),
            new KeySpec("insecure", new BooleanType(), "Allows plain http and a missing token off loopback.") { Default = "false" },
        ],
    };

    /// <summary>The keys of a port that others connect to.</summary>
    public static IReadOnlyList<KeySpec> ListenKeys(string listenDefault, string who, string peers) =>
    [
        new KeySpec("listen", new ListenType("\"10.0.0.5:7443\""), $"Where {peers} connect. Where everything that connects is in the same file it is a port on loopback that the system chooses.")
        {
            Default = listenDefault,
        },
        new KeySpec("cert_file", new PemFileType(true, "/etc/fleetvibe/server.pem"), $"Certificate of this {who}, PEM. Needed off loopback."),
        new KeySpec("key_file", new PemFileType(false, "/etc/fleetvibe/server.key"), "Its key, PEM; without it the key is looked for in cert_file."),
        new KeySpec("token_file", new TokenFileType("/etc/fleetvibe/accept.token"), $"The token that {peers} must present. Needed off loopback."),
    ];

    /// <summary>The keys of trust in a peer.</summary>
    public static IReadOnlyList<KeySpec> TrustKeys(string insecure) =>
    [
        new KeySpec("ca_file", new PemFileType(true, "/etc/fleetvibe/ca.pem"), "Certificates of the authorities to trust, PEM, and no others.") { DefaultNote = "the system's" },
        new KeySpec("insecure", new BooleanType(), insecure) { Default = "false" },
    ];
}
