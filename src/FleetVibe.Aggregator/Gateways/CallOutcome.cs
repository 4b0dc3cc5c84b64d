using Grpc.Core;

namespace FleetVibe.Aggregator.Gateways;

/// <summary>What a call to a gateway came to, as far as the choice of the next one goes.</summary>
internal enum CallOutcome
{
    Answered,

    /// <summary>It answered that the message is wrong: so would every other.</summary>
    Rejected,

    /// <summary>It answered that its store takes no writes: the gateways of one log share it.</summary>
    Full,

    /// <summary>It does not answer, is another's, or is damaged: another one may do better.</summary>
    Lost,
}

internal static class CallOutcomes
{
    internal static CallOutcome Of(Exception error) => error is not RpcException rpc ? CallOutcome.Lost : rpc.StatusCode switch
    {
        // Nobody holds the name of a node: the session takes the lease and asks again.
        StatusCode.FailedPrecondition => CallOutcome.Answered,
        StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.OutOfRange => CallOutcome.Rejected,
        StatusCode.ResourceExhausted => CallOutcome.Full,
        _ => CallOutcome.Lost,
    };
}
