using Akka.Actor;
using Akka.Hosting;
using FleetVibe.Aggregator.Gateways;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Microsoft.Extensions.Hosting;

namespace FleetVibe.Aggregator.Fleet;

/// <summary>The door for whoever asks: snapshots of the fleet, once or for as long as the caller watches, and single windows.</summary>
internal sealed class FleetQueryService(
    IActorRegistry registry, IGateway gateway, AggregatorSettings settings, TimeProvider time, IHostApplicationLifetime lifetime) : FleetQuery.FleetQueryBase
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);

    public override async Task<FleetSnapshot> GetFleet(GetFleetRequest request, ServerCallContext context) =>
        (await Ask(request.Windows, null, context.CancellationToken)).Snapshot!;

    public override async Task WatchFleet(GetFleetRequest request, IServerStreamWriter<FleetSnapshot> responseStream, ServerCallContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        using var timer = new PeriodicTimer(LookEvery, time);
        long? known = null;
        try
        {
            do
            {
                var answer = await Ask(request.Windows, known, ended.Token);
                known = answer.Version;
                if (answer.Snapshot is { } snapshot)
                {
                    await responseStream.WriteAsync(snapshot, ended.Token);
                }
            }
            while (await timer.WaitForNextTickAsync(ended.Token));
        }
        catch (OperationCanceledException)
        {
            // The caller went, or this member stops.
        }
    }

    public override Task<ExplainWindowReply> ExplainWindow(ExplainWindowRequest request, ServerCallContext context) =>
        WindowExplanation.Ask(gateway, request, settings.Name);

    private async Task<FleetAnswer> Ask(uint windows, long? known, CancellationToken cancellation)
    {
        var view = await registry.GetAsync<FleetViewActor>(cancellation);
        return await view.Ask<FleetAnswer>(new GetFleetView(windows, known), AnswerWithin, cancellation);
    }
}
