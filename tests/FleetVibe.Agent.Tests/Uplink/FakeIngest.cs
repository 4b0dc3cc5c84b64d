using System.Threading.Channels;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Record = FleetVibe.Protocol.V1.Record;

namespace FleetVibe.Agent.Tests.Uplink;

/// <summary>An aggregator that does what a test says, on loopback.</summary>
internal sealed class FakeAggregator : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Channel<FakeSession> _sessions;

    private FakeAggregator(WebApplication app, Channel<FakeSession> sessions)
    {
        _app = app;
        _sessions = sessions;
    }

    internal Uri Address => new(_app.Urls.Single());

    internal static async Task<FakeAggregator> StartAsync()
    {
        var sessions = Channel.CreateUnbounded<FakeSession>();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.ListenForGrpc(new ListenSettings { Address = ListenAddress.Ephemeral, Token = BearerToken.FromText("secret") });
        builder.Services.AddSingleton(sessions);
        var app = builder.Build();
        app.MapGrpcService<FakeIngest>();
        await app.StartAsync();
        return new FakeAggregator(app, sessions);
    }

    internal PeerSettings Peer(string token = "secret") => new() { Addresses = [Address], Token = BearerToken.FromText(token) };

    internal async Task<FakeSession> AcceptAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30), TimeProvider.System);
        return await _sessions.Reader.ReadAsync(limit.Token);
    }

    /// <summary>Takes the next stream and welcomes it.</summary>
    internal async Task<FakeSession> WelcomeAsync(uint credits = 64, ulong highestSeq = 0)
    {
        var session = await AcceptAsync();
        await session.WelcomeAsync(credits, highestSeq);
        return session;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}

/// <summary>One stream of an agent.</summary>
internal sealed class FakeSession
{
    private readonly Channel<AgentMessage> _incoming = Channel.CreateUnbounded<AgentMessage>();
    private readonly Channel<AggregatorMessage> _outgoing = Channel.CreateUnbounded<AggregatorMessage>();

    internal TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal ChannelWriter<AgentMessage> Incoming => _incoming.Writer;

    internal Hello? Hello { get; private set; }

    internal bool AnswersHeartbeats { get; set; } = true;

    internal async Task<AgentMessage> NextAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30), TimeProvider.System);
        return await _incoming.Reader.ReadAsync(limit.Token);
    }

    internal async Task WelcomeAsync(uint credits, ulong highestSeq, TimeSpan ahead = default)
    {
        Hello = (await NextAsync()).Hello;
        var now = Hello.SentUnixNs + ((long)ahead.TotalMilliseconds * 1_000_000);
        await SendAsync(new AggregatorMessage
        {
            Welcome = new Welcome
            {
                Credits = credits, HighestSeq = highestSeq, Aggregator = "fake", AgentSentUnixNs = Hello.SentUnixNs, ReceivedUnixNs = now, SentUnixNs = now,
            },
        });
    }

    /// <summary>The next records, heartbeats answered and left out.</summary>
    internal async Task<List<Record>> RecordsAsync(int count)
    {
        var records = new List<Record>();
        while (records.Count < count)
        {
            var message = await NextAsync();
            if (message.MessageCase == AgentMessage.MessageOneofCase.Record)
            {
                records.Add(message.Record);
            }
        }

        return records;
    }

    /// <summary>Reads on to the next heartbeat; no record may come before it.</summary>
    internal async Task<Heartbeat> NothingButHeartbeatAsync()
    {
        var message = await NextAsync();
        Assert.Equal(AgentMessage.MessageOneofCase.Heartbeat, message.MessageCase);
        return message.Heartbeat;
    }

    internal Task AckAsync(IEnumerable<ulong> sequences, params RefusedPart[] refused)
    {
        var ack = new Ack();
        ack.Ranges.Add(sequences.Select(seq => new SequenceRange { First = seq, Last = seq }));
        ack.Refused.Add(refused);
        return SendAsync(new AggregatorMessage { Ack = ack });
    }

    internal Task SendAsync(AggregatorMessage message) => _outgoing.Writer.WriteAsync(message).AsTask();

    internal async Task WriteAsync(IServerStreamWriter<AggregatorMessage> writer, CancellationToken cancellation)
    {
        await foreach (var message in _outgoing.Reader.ReadAllAsync(cancellation))
        {
            await writer.WriteAsync(message, cancellation);
        }
    }
}

internal sealed class FakeIngest(Channel<FakeSession> sessions) : Ingest.IngestBase
{
    public override async Task Connect(IAsyncStreamReader<AgentMessage> requestStream, IServerStreamWriter<AggregatorMessage> responseStream, ServerCallContext context)
    {
        var session = new FakeSession();
        await sessions.Writer.WriteAsync(session);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        var writing = session.WriteAsync(responseStream, over.Token);
        await Task.WhenAny(session.Ended.Task, ReadAsync(requestStream, session, over.Token), writing);
        await over.CancelAsync();
        await writing.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    private static async Task ReadAsync(IAsyncStreamReader<AgentMessage> requests, FakeSession session, CancellationToken cancellation)
    {
        try
        {
            await foreach (var message in requests.ReadAllAsync(cancellation))
            {
                session.Incoming.TryWrite(message);
                if (message.MessageCase == AgentMessage.MessageOneofCase.Heartbeat && session.AnswersHeartbeats)
                {
                    await session.SendAsync(new AggregatorMessage
                    {
                        Heartbeat = new HeartbeatReply
                        {
                            AgentSentUnixNs = message.Heartbeat.SentUnixNs, ReceivedUnixNs = message.Heartbeat.SentUnixNs, SentUnixNs = message.Heartbeat.SentUnixNs,
                        },
                    });
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or RpcException or InvalidOperationException)
        {
            // The agent went away.
        }
    }
}
