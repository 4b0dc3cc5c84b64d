using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using FleetVibe.Verbs.Check;
using Grpc.Core;

namespace FleetVibe.Verbs.Asking;

/// <summary>Questions to one aggregator, and what to do where it does not answer.</summary>
internal static class AggregatorCall
{
    // Longer than the aggregator waits for its gateway.
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(8);

    /// <summary>Runs a verb's questions; what fails on the way is said and returned as <see cref="ExitCodes.Unreachable"/>.</summary>
    public static async Task<int> RunAsync(PeerSettings peer, TextWriter error, Func<FleetQuery.FleetQueryClient, Task<int>> ask)
    {
        try
        {
            using var channel = GrpcPeer.CreateChannel(peer.Addresses[0], peer);
            return await ask(new FleetQuery.FleetQueryClient(GrpcPeer.CreateInvoker(channel, peer)));
        }
        catch (RpcException e)
        {
            await error.WriteLineAsync($"fleetvibe: {Cure(peer.Addresses[0], e)}");
            return ExitCodes.Unreachable;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            // A file that was good a moment ago.
            await error.WriteLineAsync($"fleetvibe: {e.Message}");
            return ExitCodes.Usage;
        }
    }

    public static CallOptions Options(TimeProvider time, CancellationToken cancellation) =>
        new(deadline: (time.GetUtcNow() + AnswerWithin).UtcDateTime, cancellationToken: cancellation);

    internal static string Cure(Uri address, RpcException e) => e.StatusCode switch
    {
        StatusCode.Unimplemented => $"{ProbeResult.Place(address)} does not know this question: it is no aggregator, or one of an earlier release",
        StatusCode.Unavailable when e.Status.DebugException is null =>
            $"{ProbeResult.Place(address)} answers, but cannot say: {e.Status.Detail}; check that gateway, or [aggregator] gateways there",
        _ => $"aggregator {ProbeResult.Place(address)}: {ProbeResult.Of("aggregator", address, e, "--token-file").Text}",
    };
}
