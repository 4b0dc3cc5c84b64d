namespace FleetVibe.Configuration.Schema;

internal static class AggregatorSchema
{
    public static SectionSpec Aggregator { get; } = new("aggregator", "A member of the cluster that merges what the agents report.")
    {
        Keys =
        [
            .. ConfigurationSchema.ListenKeys(":7071", "aggregator", "agents"),
            new KeySpec("gateways", new ListType(new UrlType(true, "\"https://gw-1:7073\"")), "Addresses of the gateways, tried in turn. Needed unless [gateway] is in the same file."),
            new KeySpec("gateway_token_file", new TokenFileType("/etc/fleetvibe/gateway.token"), "The token for the gateways."),
            .. ConfigurationSchema.TrustKeys("Allows plain http and missing tokens off loopback, to agents and to gateways."),
            new KeySpec("grace", new DurationType("0s", "1m", "\"5s\""), "How long after its end a window waits for an expected host.") { Default = "4s" },
            new KeySpec("lateness", new DurationType("10s", "1h", "\"90s\""), "After it a window is final: what comes later is back-fill.") { Default = "60s" },
        ],
        Sections = [Cluster],
    };

    private static SectionSpec Cluster => new("cluster", "How the aggregators find each other. Without it this one is a cluster by itself.")
    {
        Keys =
        [
            new KeySpec("listen", new ListenType("\"10.0.0.5:7442\""), "Where the other members connect.") { Default = ":7072" },
            new KeySpec("advertise", new HostPortType("\"agg-1:7072\""), "host:port under which the others reach this one. Needed where listen names no address."),
            new KeySpec("seeds", new ListType(new HostPortType("\"agg-1:7072\"")), "host:port of the members that found the cluster, in the same order everywhere.") { Required = true },
            new KeySpec("cert_file", new PemFileType(true, "/etc/fleetvibe/member.pem"), "Certificate of this member, PEM. Needed off loopback."),
            new KeySpec("key_file", new PemFileType(false, "/etc/fleetvibe/member.key"), "Its key, PEM; without it the key is looked for in cert_file."),
            new KeySpec("ca_file", new PemFileType(true, "/etc/fleetvibe/cluster-ca.pem"), "The authority that signed the members' certificates, PEM. Needed off loopback."),
            new KeySpec("insecure", new BooleanType(), "Allows a cluster without TLS off loopback.") { Default = "false" },
        ],
    };
}
