using System.Threading.Channels;
using FleetVibe.Protocol.V1;
using Grpc.Core;

namespace FleetVibe.Agent.Sources.Push;

/// <summary>One stream of a collector, as the actor holds it: what goes out on it, and how it ends. Thread safe.</summary>
internal sealed class CollectorConnection : IDisposable
{
    private readonly Channel<CollectorReply> _replies = Channel.CreateUnbounded<CollectorReply>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _closed = new();

    /// <summary>Ends with the stream: with an <see cref="RpcException"/> where it was refused.</summary>
    public ChannelReader<CollectorReply> Replies => _replies.Reader;

    /// <summary>Set once nothing more is taken from the client.</summary>
    public CancellationToken Closed => _closed.Token;

    public void Send(CollectorWelcome welcome) => _replies.Writer.TryWrite(new CollectorReply { Welcome = welcome });

    public void Send(CollectorAck ack) => _replies.Writer.TryWrite(new CollectorReply { Ack = ack });

    public void End() => _replies.Writer.TryComplete();

    public void Refuse(StatusCode code, string why)
    {
        if (_replies.Writer.TryComplete(new RpcException(new Status(code, why))))
        {
            try
            {
                _closed.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // The stream ended by itself at this moment.
            }
        }
    }

    public void Dispose() => _closed.Dispose();
}
