using FleetVibe.Agent;
using FleetVibe.Aggregator;
using FleetVibe.Configuration.Values;
using FleetVibe.Dashboard;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Configuration.Binding;

/// <summary>To whom an agent reports.</summary>
internal enum AgentPeers
{
    Named,
    InThisProcess,

    /// <summary>To nobody: it prints its points.</summary>
    None,
}

/// <summary>Agent, aggregator and page.</summary>
internal static class RoleBinders
{
    /// <summary>Nowhere yet: the peer is in this process and its address is known once it listens.</summary>
    private static readonly PeerSettings InThisProcess = new() { Addresses = [] };

    public static AgentSettings Agent(SectionValues section, SectionReader reader, string node, string dataDirectory, AgentPeers peers, ICollection<SectionValues> read)
    {
        var sources = SourceBinder.Bind(reader, section.Origin, read);
        var discoveries = DiscoveryBinder.Bind(reader, section.Origin, read);
        if (!reader.Has(SourceBinder.SourcesPath) && !reader.Has(SourceBinder.InputsPath) && !reader.Has(DiscoveryBinder.Path))
        {
            reader.Findings.Missing(section.Origin, "the agent has no source: add [[agent.sources]] with a kind, e.g. kind = \"json_log\" and a path");
        }

        if (peers == AgentPeers.Named && !section.IsWritten("aggregators"))
        {
            reader.Findings.Missing(section.Origin, "[agent] needs aggregators, e.g. aggregators = [\"https://agg-1:7071\"]; or add [aggregator] to this file; execd needs none");
        }

        TransportBinder.WarnWhenInsecure(section, reader.Findings);
        return new AgentSettings
        {
            Node = node,
            DataDirectory = dataDirectory,
            Aggregators = peers != AgentPeers.Named ? InThisProcess : TransportBinder.Peer(section, "aggregators", "token_file", reader.Findings),
            Sources = sources,
            Discoveries = discoveries,
            Interval = section.Find<TimeSpan>("interval"),
            Grace = section.Find<TimeSpan>("grace"),
            Heartbeat = section.Find<TimeSpan>("heartbeat"),
            SpoolMaxBytes = section.Find<long>("spool_max_bytes"),
            MaxSeries = section.Find<int>("max_series"),
        };
    }

    /// <param name="onlyLocalPeers">Whether everything that connects is in this process, so that the port may be any on loopback.</param>
    public static AggregatorSettings Aggregator(
        SectionValues section, SectionValues? cluster, SectionReader reader, string node, bool onlyLocalPeers, bool localGateway)
    {
        if (!localGateway && !section.IsWritten("gateways"))
        {
            reader.Findings.Missing(section.Origin, "[aggregator] needs gateways, e.g. gateways = [\"https://gw-1:7073\"]; or add [gateway] to this file");
        }

        return new AggregatorSettings
        {
            Name = node,
            Listen = ListenOrLocal(section, reader, onlyLocalPeers),
            Gateways = localGateway ? InThisProcess : TransportBinder.Peer(section, "gateways", "gateway_token_file", reader.Findings),
            Cluster = cluster is null ? new ClusterSettings() : Cluster(cluster, reader),
            Grace = section.Find<TimeSpan>("grace"),
            Lateness = section.Find<TimeSpan>("lateness"),
        };
    }

    public static DashboardSettings Dashboard(SectionValues section, SectionReader reader) => new()
    {
        Listen = TransportBinder.Listen(section, reader) ?? Local(),
        Aggregators = InThisProcess,
    };

    /// <summary>As the section says; on loopback with a token of its own where every peer is in this process and no port was asked for.</summary>
    public static ListenSettings ListenOrLocal(SectionValues section, SectionReader reader, bool onlyLocalPeers)
    {
        if (!onlyLocalPeers || section.IsWritten("listen"))
        {
            return TransportBinder.Listen(section, reader) ?? Local();
        }

        foreach (var key in section.Written("cert_file", "key_file", "token_file"))
        {
            reader.Findings.Error(section.OriginOf(key), $"{key} has no effect without listen: everything that connects to {section.Header} is in this file, so it opens no port for others. Write listen, or take {key} out");
        }

        section.Override("listen", ListenAddress.Ephemeral, "everything that connects is in this process");
        return Local();
    }

    private static ListenSettings Local() => new() { Address = ListenAddress.Ephemeral, Token = BearerToken.Random() };

    private static ClusterSettings Cluster(SectionValues section, SectionReader reader)
    {
        var listen = section.Find<ListenAddress>("listen") ?? ListenAddress.Ephemeral;
        var advertise = section.Find<string>("advertise");
        if (advertise is null && !section.IsWritten("advertise") && (listen.Address is null || listen.Port == 0))
        {
            reader.Findings.Missing(section.Origin, $"{section.Header} needs advertise, the host:port under which the other members reach this one: listen = \"{listen}\" names no address");
        }

        TransportBinder.CheckCertificate(section, reader);
        TransportBinder.WarnWhenInsecure(section, reader.Findings);
        var insecure = section.Find<bool>("insecure");
        var missing = section.NotWritten("cert_file", "ca_file");
        if (!listen.IsLoopback && !insecure && missing.Count > 0)
        {
            reader.Findings.Missing(section.OriginOf("listen"), $"{section.Header} listens on {listen}, which other machines can reach, so it needs {string.Join(" and ", missing)}; or set insecure = true");
        }

        var seeds = section.List<string>("seeds");
        if (seeds.Count % 2 == 0 && seeds.Count > 0)
        {
            reader.Findings.Warning(section.OriginOf("seeds"), $"{seeds.Count} seeds bear no more failures than {seeds.Count - 1}: an odd number of aggregators is better");
        }

        return new ClusterSettings
        {
            Listen = listen,
            Advertise = advertise,
            Seeds = seeds,
            CertFile = section.Find<string>("cert_file"),
            KeyFile = section.Find<string>("key_file"),
            CaFile = section.Find<string>("ca_file"),
            Insecure = insecure,
        };
    }
}
