namespace FleetVibe.Protocol.Cluster;

/// <summary>How long a node's name stays with the agent that held it last: for the gateway that grants it and the aggregators that renew it.</summary>
public static class NodeLease
{
    /// <summary>After the last renewal. A second agent of the name is refused until then.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromSeconds(15);

    /// <summary>Renewed this often at the most, so that one renewal may fail.</summary>
    public static readonly TimeSpan RenewEvery = Lasts / 3;
}
