using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Grpc.Core;

namespace FleetVibe.Aggregator.Tests.Membership;

/// <summary>An agent without sources: sends records until they are acknowledged, to whichever member takes it.</summary>
internal sealed class TestAgent(string node, IReadOnlyList<Uri> members, int first)
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<ulong, FleetVibe.Protocol.V1.Record> _unacknowledged = [];
    private ulong _next = 1;

    public int Streams { get; private set; }

    public int Refused { get; private set; }

    public bool IsDone
    {
        get
        {
            lock (_lock)
            {
                return _unacknowledged.Count == 0;
            }
        }
    }

    public void Report(long start, int requests)
    {
        lock (_lock)
        {
            _unacknowledged.Add(_next, Wire.NewRecord(_next, start, requests));
            _next++;
        }
    }

    public async Task Run(CancellationToken stopping)
    {
        for (var member = first; !stopping.IsCancellationRequested; member = (member + 1) % members.Count)
        {
            try
            {
                var peer = new PeerSettings { Addresses = [members[member]] };
                using var channel = GrpcPeer.CreateChannel(members[member], peer);
                await Stream(new Ingest.IngestClient(GrpcPeer.CreateInvoker(channel, peer)), stopping);
            }
            catch (Exception e) when (e is RpcException or IOException or OperationCanceledException or InvalidOperationException)
            {
                // The next member.
            }

            // Real members over real sockets: one that is down is asked again only after a moment, as an agent does.
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, CancellationToken.None);
        }
    }

    private async Task Stream(Ingest.IngestClient client, CancellationToken stopping)
    {
        using var call = client.Connect(cancellationToken: stopping);
        await call.RequestStream.WriteAsync(new AgentMessage { Hello = Wire.Hello(node, _next) }, stopping);
        if (!await call.ResponseStream.MoveNext(stopping) || call.ResponseStream.Current.Welcome is null)
        {
            return;
        }

        Streams++;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var sending = Send(call.RequestStream, ended.Token);
        try
        {
            while (await call.ResponseStream.MoveNext(stopping) && call.ResponseStream.Current.Moved is null)
            {
                if (call.ResponseStream.Current.Ack is { } ack)
                {
                    Take(ack);
                }
            }
        }
        finally
        {
            await ended.CancelAsync();
            await sending;
        }
    }

    private async Task Send(IClientStreamWriter<AgentMessage> stream, CancellationToken ended)
    {
        var sent = new HashSet<ulong>();
        try
        {
            while (true)
            {
                List<FleetVibe.Protocol.V1.Record> due;
                lock (_lock)
                {
                    due = [.. _unacknowledged.Values.Where(record => sent.Add(record.Seq))];
                }

                foreach (var record in due)
                {
                    await stream.WriteAsync(new AgentMessage { Record = record }, ended);
                }

                await stream.WriteAsync(new AgentMessage { Heartbeat = new Heartbeat { Series = { Wire.Series } } }, ended);
                // The members judge on the real clock whether a stream still lives: this is the heartbeat's interval.
                await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, ended);
            }
        }
        catch (Exception e) when (e is RpcException or IOException or OperationCanceledException or InvalidOperationException)
        {
            // The stream is over.
        }
    }

    private void Take(Ack ack)
    {
        lock (_lock)
        {
            Refused += ack.Refused.Count;
            foreach (var range in ack.Ranges)
            {
                for (var seq = range.First; seq <= range.Last; seq++)
                {
                    _unacknowledged.Remove(seq);
                }
            }
        }
    }
}
