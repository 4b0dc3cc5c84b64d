using Akka.Actor;
using Akka.Event;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Sessions;

/// <summary>The agent sent a message.</summary>
/// <param name="Message">As it came.</param>
/// <param name="ReceivedUnixNs">The clock when it was read.</param>
internal sealed record AgentSaid(AgentMessage Message, long ReceivedUnixNs) : INoSerializationVerificationNeeded;

/// <summary>The stream is over, whoever ended it.</summary>
internal sealed record StreamEnded : INoSerializationVerificationNeeded, IDeadLetterSuppression
{
    public static StreamEnded Instance { get; } = new();
}

/// <summary>This member stops: the agent is to go to another one.</summary>
internal sealed record MemberLeaves : INoSerializationVerificationNeeded, IDeadLetterSuppression
{
    public static MemberLeaves Instance { get; } = new();
}
