using System.Net.Sockets;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>
/// The example of a collector: it holds what is not acknowledged, in order, and after each break numbers it on from the welcome.
/// </summary>
internal sealed class CollectorClient(string socket, string name)
{
    private readonly List<CollectorBatch> _held = [];
    private string _epoch = "";
    private ulong _next = 1;

    public int Held => _held.Count;

    public void Add(params FinishedRequest[] requests) => _held.Add(new CollectorBatch { Sequence = _next++, Requests = { requests } });

    /// <summary>Sends what is held until all of it is stored, the stream breaks, or the caller breaks it.</summary>
    /// <param name="resend">Whether the first batch goes twice, as after an answer that was lost.</param>
    public async Task RunAsync(CancellationToken cancellation, bool resend = false)
    {
        using var channel = GrpcChannel.ForAddress("http://collectors", new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { ConnectCallback = ConnectAsync } });
        using var call = new Collectors.CollectorsClient(channel).Report(cancellationToken: cancellation);
        await call.RequestStream.WriteAsync(new CollectorMessage { Hello = new CollectorHello { Name = name, Model = "vibethinker-1.5b", Task = "chat" } }, cancellation);
        await call.ResponseStream.MoveNext(cancellation);
        Resume(call.ResponseStream.Current.Welcome);
        foreach (var batch in resend ? [.. _held.Take(1), .. _held] : _held.ToList())
        {
            await call.RequestStream.WriteAsync(new CollectorMessage { Batch = batch }, cancellation);
        }

        while (_held.Count > 0 && await call.ResponseStream.MoveNext(cancellation))
        {
            var acked = call.ResponseStream.Current.Ack.Sequence;
            _held.RemoveAll(batch => batch.Sequence <= acked);
        }
    }

    private void Resume(CollectorWelcome welcome)
    {
        if (welcome.Epoch == _epoch)
        {
            _held.RemoveAll(batch => batch.Sequence <= welcome.LastSequence);
        }

        (_epoch, _next) = (welcome.Epoch, welcome.LastSequence + 1);
        foreach (var batch in _held)
        {
            batch.Sequence = _next++;
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellation);
        return new NetworkStream(connection, ownsSocket: true);
    }
}
