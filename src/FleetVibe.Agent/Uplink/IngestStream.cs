using System.Threading.Channels;
using Akka.Actor;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace FleetVibe.Agent.Uplink;

/// <summary>
/// One stream to one aggregator. What comes in goes to the owner as messages that name this stream; what goes out is
/// written in order. Ends with exactly one <see cref="StreamEnded"/>, unless its owner ended it.
/// </summary>
internal sealed class IngestStream : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<AgentMessage> _outgoing = Channel.CreateUnbounded<AgentMessage>(new UnboundedChannelOptions { SingleReader = true });
    private readonly GrpcChannel _channel;

    private IngestStream(Uri address, GrpcChannel channel)
    {
        Address = address;
        _channel = channel;
    }

    internal Uri Address { get; }

    /// <exception cref="Exception">The settings cannot work: no such file, no certificate in it, http off loopback.</exception>
    internal static IngestStream Open(Uri address, PeerSettings peer, IActorRef owner, TimeProvider time)
    {
        var channel = GrpcPeer.CreateChannel(address, peer);
        var stream = new IngestStream(address, channel);
        _ = stream.RunAsync(new Ingest.IngestClient(GrpcPeer.CreateInvoker(channel, peer)), owner, time);
        return stream;
    }

    internal void Send(AgentMessage message) => _outgoing.Writer.TryWrite(message);

    public void Dispose() => _stop.Cancel();

    private async Task RunAsync(Ingest.IngestClient client, IActorRef owner, TimeProvider time)
    {
        var reason = "the aggregator ended the stream";
        try
        {
            // Off the actor's thread: opening a call may do work before its first await.
            await Task.Yield();
            using var call = client.Connect(cancellationToken: _stop.Token);
            var writing = WriteAsync(call.RequestStream);
            await foreach (var message in call.ResponseStream.ReadAllAsync(_stop.Token))
            {
                owner.Tell(new StreamMessage(this, message, time.GetUtcNow()));
            }

            _outgoing.Writer.TryComplete();
            await writing;
        }
        catch (RpcException e)
        {
            reason = Describe(e);
        }
        catch (Exception e)
        {
            reason = e.Message;
        }

        if (!_stop.IsCancellationRequested)
        {
            owner.Tell(new StreamEnded(this, reason));
        }

        _channel.Dispose();
    }

    private async Task WriteAsync(IClientStreamWriter<AgentMessage> writer)
    {
        try
        {
            await foreach (var message in _outgoing.Reader.ReadAllAsync(_stop.Token))
            {
                await writer.WriteAsync(message, _stop.Token);
            }

            await writer.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException or InvalidOperationException or IOException)
        {
            // The reading side sees the same end, with its status.
        }
    }

    private static string Describe(RpcException e) => e.StatusCode switch
    {
        StatusCode.Unauthenticated => "it refuses the token: token_file must hold the same token as the aggregator's",
        StatusCode.PermissionDenied => "it refuses this agent",
        StatusCode.Unimplemented => "it is no FleetVibe aggregator",
        _ => e.Status.Detail.Length > 0 ? e.Status.Detail : e.StatusCode.ToString(),
    };

    /// <summary>To the owner: a message, and when it arrived by this node's clock.</summary>
    internal sealed record StreamMessage(IngestStream Stream, AggregatorMessage Message, DateTimeOffset ArrivedAt) : INoSerializationVerificationNeeded;

    /// <summary>To the owner: the stream is over.</summary>
    internal sealed record StreamEnded(IngestStream Stream, string Reason) : INoSerializationVerificationNeeded;
}
