namespace FleetVibe.Configuration.Schema;

internal static class AgentSchema
{
    public static SectionSpec Agent { get; } = new("agent", "The agent of a GPU node: watches its sources and reports to the aggregators. [[agent.sources]] alone is enough.")
    {
        Keys =
        [
            new KeySpec("aggregators", new ListType(new UrlType(true, "\"https://agg-1:7071\"")), "Addresses of the aggregators, tried in turn. Needed unless [aggregator] is in the same file; execd needs none."),
            new KeySpec("token_file", new TokenFileType("/etc/fleetvibe/agent.token"), "The token for the aggregators."),
            .. ConfigurationSchema.TrustKeys("Allows plain http and a missing token to aggregators off loopback."),
            new KeySpec("interval", new DurationType("1s", "5m", "\"20s\""), "Time between two collections of a source.") { Reloads = true, Default = "10s" },
            new KeySpec("grace", new DurationType("0s", "1m", "\"3s\""), "How long after its end a window waits for stragglers of this node.") { Reloads = true, Default = "2s" },
            new KeySpec("heartbeat", new DurationType("1s", "10s", "\"7s\""), "Time between two signs of life.") { Reloads = true, Default = "5s" },
            new KeySpec("spool_max_bytes", new SizeType("16MiB", "1TiB", "\"2GiB\""), "Limit of the spool, which holds what is not yet committed. From 80 % of it the oldest records that were never sent are merged into larger windows; at the limit sources wait.") { Reloads = true, Default = "1GiB" },
            new KeySpec("max_series", new IntegerType(1, 10000, "128"), "Series (model, task, variant) that this node may name; further ones go into \"other\", counted.") { Reloads = true, Default = "64" },
        ],
        Sections = [SourceSchema.Sources, DiscoverySchema.Discovery],
    };
}
