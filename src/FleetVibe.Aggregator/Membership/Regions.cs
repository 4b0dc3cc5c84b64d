using Akka.Cluster.Sharding;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Membership;

/// <summary>Key of the region of the series entities.</summary>
internal sealed class SeriesRegion;

/// <summary>Key of the region of the node entities.</summary>
internal sealed class NodeRegion;

/// <summary>Which series a message is for.</summary>
internal sealed class SeriesExtractor() : HashCodeMessageExtractor(ClusterNames.Shards)
{
    public override string? EntityId(object message) => message switch
    {
        MergeContribution contribution => SeriesEntityId.Of(contribution.Key.Series),
        DeclareHost declaration => SeriesEntityId.Of(declaration.Series),
        _ => null,
    };

    public override string ShardId(string entityId, object? messageHint = null) => ShardName.Of(entityId);
}

/// <summary>Which node a message is for.</summary>
internal sealed class NodeExtractor() : HashCodeMessageExtractor(ClusterNames.Shards)
{
    public override string? EntityId(object message) => message switch
    {
        OpenSession open => open.Hello.Node,
        NodeHeartbeat heartbeat => heartbeat.Node,
        SessionClosed closed => closed.Node,
        _ => null,
    };

    public override string ShardId(string entityId, object? messageHint = null) => ShardName.Of(entityId);
}

internal static class ShardName
{
    public static string Of(string entityId) => ClusterNames.ShardOf(entityId).ToString(System.Globalization.CultureInfo.InvariantCulture);
}
