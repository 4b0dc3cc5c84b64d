using Akka.Actor;
using Akka.Event;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Sessions;

internal sealed partial class SessionActor
{
    private sealed class TickDue : INoSerializationVerificationNeeded, IDeadLetterSuppression
    {
        public static readonly TickDue Instance = new();
    }

    private sealed class FlushDue : INoSerializationVerificationNeeded, IDeadLetterSuppression
    {
        public static readonly FlushDue Instance = new();
    }

    private sealed record GatewayAnswered(ulong Seq, int Part, Fate Fate) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed record GatewayFailed(ulong Seq, int Part) : INoSerializationVerificationNeeded, IDeadLetterSuppression;
}
