using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Spool;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Accumulating;

/// <summary>What the accumulator and its neighbours in the agent say to each other. What comes after one of them has ended is no news.</summary>
internal static class AccumulatorMessages
{
    /// <summary>From the uplink: how many records may be born as offered; 0 while the stream is down.</summary>
    internal sealed record SetOfferBudget(int Records) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    /// <summary>From the uplink: what to add to this node's clock.</summary>
    internal sealed record SetClockOffset(TimeSpan Offset) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    /// <summary>From the uplink: acknowledgements changed the spool.</summary>
    internal sealed record SpoolChanged(SpoolStatus Status) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    /// <summary>From the uplink; answered by <see cref="AgentDescription"/>.</summary>
    internal sealed record DescribeAgent : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    /// <param name="Version">Equal versions hold equal windows.</param>
    /// <param name="Body">Without its time.</param>
    internal sealed record AgentDescription(long Version, Heartbeat Body) : INoSerializationVerificationNeeded;

    /// <summary>To the uplink: these records are in the spool.</summary>
    internal sealed record RecordsSpooled(CommitResult Result) : INoSerializationVerificationNeeded;

    /// <summary>From the agent, once its sources have stopped: store what is open; answered by <see cref="WindowsStored"/>.</summary>
    internal sealed record StoreWindows : INoSerializationVerificationNeeded;

    internal sealed record WindowsStored : INoSerializationVerificationNeeded;

    /// <summary>To an agent that prints: this source was told where to begin.</summary>
    internal sealed record SourceStarted(string SourceKey) : INoSerializationVerificationNeeded;

    /// <summary>To an agent that prints: a collection of this source was folded, whatever came of it.</summary>
    internal sealed record SourceCollected(string SourceKey) : INoSerializationVerificationNeeded;

    /// <summary>From the agent, once the sources that go have stopped and before those that come start: what holds from now on.</summary>
    internal sealed record ChangeSettings(AgentSettings Settings) : INoSerializationVerificationNeeded;

    /// <summary>From the agent: tell when each of these sources has reported a status; answered by <see cref="Collected"/>.</summary>
    internal sealed record AwaitCollected(long Ticket, IReadOnlyCollection<string> SourceKeys) : INoSerializationVerificationNeeded;

    internal sealed record Collected(long Ticket) : INoSerializationVerificationNeeded;

    /// <summary>From the agent: something that people should see beside the figures.</summary>
    internal sealed record Happened(Occurrence What, string Text) : INoSerializationVerificationNeeded;

    internal enum Occurrence
    {
        SourcesChanged,
        ConfigReloaded,
        ConfigRefused,
        DiscoveryFailed,
    }

    /// <summary>To the agent: the spool broke while it was in use.</summary>
    internal sealed record SpoolLost(string Why) : INoSerializationVerificationNeeded;
}
