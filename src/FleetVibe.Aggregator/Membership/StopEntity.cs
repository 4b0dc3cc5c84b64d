using Akka.Actor;

namespace FleetVibe.Aggregator.Membership;

/// <summary>What a shard tells its entities when it moves: finish what is under way, then stop.</summary>
internal sealed class StopEntity : INoSerializationVerificationNeeded
{
    private StopEntity()
    {
    }

    public static StopEntity Instance { get; } = new();
}
