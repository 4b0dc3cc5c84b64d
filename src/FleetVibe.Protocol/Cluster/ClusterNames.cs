using System.Text;

namespace FleetVibe.Protocol.Cluster;

/// <summary>Names that every member must agree on, for as long as a cluster lives.</summary>
public static class ClusterNames
{
    /// <summary>Of the actor system; a part of every member's address.</summary>
    public const string System = "fleetvibe";

    public const string Role = "aggregator";

    public const string SeriesRegion = "series";

    public const string NodeRegion = "node";

    /// <summary>Where entities publish what the fleet view shows.</summary>
    public const string FleetTopic = "fleet";

    /// <summary>About ten for each member of a large cluster.</summary>
    public const int Shards = 40;

    /// <summary>The shard of an entity.</summary>
    public static int ShardOf(string entityId) => SpreadOf(entityId, Shards);

    /// <summary>A number in [0, count): FNV-1a over the name's UTF-8 bytes, so that it is the same in every process and release.</summary>
    public static int SpreadOf(string name, int count)
    {
        var hash = 2166136261u;
        foreach (var b in Encoding.UTF8.GetBytes(name))
        {
            hash = (hash ^ b) * 16777619u;
        }

        return (int)(hash % (uint)count);
    }
}
