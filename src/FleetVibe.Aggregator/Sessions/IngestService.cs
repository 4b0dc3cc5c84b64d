using System.Threading.Channels;
using Akka.Actor;
using FleetVibe.Aggregator.Gateways;
using FleetVibe.Aggregator.Membership;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Microsoft.Extensions.Hosting;

namespace FleetVibe.Aggregator.Sessions;

/// <summary>The agents' door: hands what a stream brings to its session, and what the session says to the stream.</summary>
internal sealed class IngestService(
    ActorSystem system, SessionContextSource source, ClusterView cluster, IGateway gateway, TimeProvider time, IHostApplicationLifetime lifetime)
    : Ingest.IngestBase
{
    // Acknowledgements of every credit and some heartbeats: an agent that leaves more unread is not reading.
    private const int MaxUnread = 1024;

    public override async Task Connect(
        IAsyncStreamReader<AgentMessage> requestStream, IServerStreamWriter<AggregatorMessage> responseStream, ServerCallContext context)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            await responseStream.WriteAsync(new AggregatorMessage { Moved = new Moved() }, context.CancellationToken);
            return;
        }

        var sessionContext = await source.Get(context.CancellationToken);
        var outgoing = Channel.CreateBounded<AggregatorMessage>(new BoundedChannelOptions(MaxUnread) { SingleReader = true });
        var session = system.ActorOf(Props.Create(() => new SessionActor(sessionContext, outgoing.Writer)));
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        using var leaving = lifetime.ApplicationStopping.Register(() => session.Tell(MemberLeaves.Instance));
        var reading = Read(requestStream, session, ended.Token);
        try
        {
            await foreach (var message in outgoing.Reader.ReadAllAsync(ended.Token))
            {
                await responseStream.WriteAsync(message, ended.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
            // The agent is gone; it sends again what it has no acknowledgement for.
        }
        finally
        {
            await ended.CancelAsync();
            session.Tell(StreamEnded.Instance);
            await reading;
        }
    }

    public override Task<ProbeReply> Probe(ProbeRequest request, ServerCallContext context) => Task.FromResult(new ProbeReply
    {
        Version = typeof(IngestService).Assembly.GetName().Version?.ToString(3) ?? "",
        MembersUp = cluster.MembersUp,
        MembersReachable = cluster.MembersReachable,
        GatewayReachable = gateway.IsReachable,
        GatewayError = gateway.LastError ?? "",
    });

    private async Task Read(IAsyncStreamReader<AgentMessage> stream, IActorRef session, CancellationToken ended)
    {
        try
        {
            while (await stream.MoveNext(ended))
            {
                session.Tell(new AgentSaid(stream.Current, UnixNanoseconds.Of(time.GetUtcNow())));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or RpcException or InvalidOperationException)
        {
            // Ended by us, or cut off.
        }

        session.Tell(StreamEnded.Instance);
    }
}
