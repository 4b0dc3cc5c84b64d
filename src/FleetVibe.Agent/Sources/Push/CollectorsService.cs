using Akka.Actor;
using FleetVibe.Protocol.V1;
using Grpc.Core;

namespace FleetVibe.Agent.Sources.Push;

/// <summary>Hands each message of a stream to the actor, one after the other, and writes its replies. Decides nothing.</summary>
internal sealed class CollectorsService(IActorRef source) : Collectors.CollectorsBase
{
    public override async Task Report(IAsyncStreamReader<CollectorMessage> requestStream, IServerStreamWriter<CollectorReply> responseStream, ServerCallContext context)
    {
        using var connection = new CollectorConnection();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, connection.Closed);
        var writing = WriteAsync(connection, responseStream, context.CancellationToken);
        try
        {
            // The next message is read when this one was taken: that is the only back-pressure.
            while (await requestStream.MoveNext(end.Token))
            {
                await source.Ask<PushSourceActor.MessageTaken>(new PushSourceActor.MessageReceived(connection, requestStream.Current), Timeout.InfiniteTimeSpan, end.Token);
            }

            source.Tell(new PushSourceActor.ClientFinished(connection));
            await writing;
        }
        catch (OperationCanceledException) when (connection.Closed.IsCancellationRequested)
        {
            // It was refused; the writer knows why.
            await writing;
        }
        finally
        {
            source.Tell(new PushSourceActor.Disconnected(connection));
            connection.End();
        }
    }

    private static async Task WriteAsync(CollectorConnection connection, IServerStreamWriter<CollectorReply> replies, CancellationToken cancellation)
    {
        await foreach (var reply in connection.Replies.ReadAllAsync(cancellation))
        {
            await replies.WriteAsync(reply, cancellation);
        }
    }
}
