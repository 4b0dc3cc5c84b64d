using System.Threading.Channels;
using Akka.Actor;
using FleetVibe.Aggregator.Sessions;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using WireRecord = FleetVibe.Protocol.V1.Record;

namespace FleetVibe.Cluster.Tests.Infrastructure;

/// <summary>An agent without sources: sends records until they are acknowledged, to whichever member takes it.</summary>
internal sealed class PlayedAgent(LiveCluster cluster, string node, Guid instance, int first) : IAsyncDisposable
{
    private static readonly TimeSpan SendEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ComeBackAfter = TimeSpan.FromMilliseconds(200);
    private const int BeatEvery = 5;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<ulong, WireRecord> _unacknowledged = [];
    private readonly List<SentContribution> _sent = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Refused> _refusals = [];
    private ulong _next = 1;
    private Task _running = Task.CompletedTask;

    /// <summary>The member whose session welcomed it last; null before, and once that stream ended.</summary>
    public Member? Home { get; private set; }

    public IReadOnlyList<SentContribution> Sent => Locked(() => _sent.ToList());

    public IReadOnlyList<Refused> Refusals => Locked(() => _refusals.ToList());

    public string Node => node;

    public IReadOnlyList<ulong> Unacknowledged => Locked(() => _unacknowledged.Keys.ToList());

    public bool IsDone => Locked(() => _unacknowledged.Count == 0);

    /// <summary>One record with something for each series.</summary>
    public void Report(long start, IEnumerable<SeriesKey> series) => Locked(() =>
    {
        var seq = _next++;
        var record = new WireRecord { Seq = seq, Content = new RecordContent { WindowStart = start } };
        foreach (var key in series)
        {
            var requests = 1 + (int)((seq + (ulong)key.Model.Length) % 4);
            var totals = new SeriesTotals { Requests = requests, OutputTokens = requests * 100 };
            for (var i = 0; i < requests; i++)
            {
                totals.ResponseTime.Record(0.05 * (1 + ((seq * 7) + (ulong)i) % 40));
            }

            var wire = TotalsMapper.ToWire(totals);
            record.Content.Contributions.Add(new Contribution { Series = key, Totals = wire });
            _sent.Add(new SentContribution(
                new RecordKey(node, instance, seq), new WindowKey { Series = key, Level = WindowLevel._10S, Start = start }, wire));
        }

        _unacknowledged.Add(seq, record);
        return true;
    });

    public void Start() => _running = Run();

    /// <summary>Its process is stopped; what it has no acknowledgement for it keeps.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_stopping.IsCancellationRequested)
        {
            await _stopping.CancelAsync();
            await _running;
            _stopping.Dispose();
        }
    }

    private async Task Run()
    {
        for (var turn = first; !_stopping.IsCancellationRequested; turn++)
        {
            var members = cluster.Members;
            var member = members[turn % members.Count];
            if (member.IsAlive && !member.Leaving.IsCancellationRequested)
            {
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
                var streaming = Stream(member, ended.Token);
                await Task.WhenAny(streaming, member.System.WhenTerminated);
                await ended.CancelAsync();
                await streaming;
                Home = null;
            }

            await Task.Delay(ComeBackAfter, TimeProvider.System, CancellationToken.None);
        }
    }

    private async Task Stream(Member member, CancellationToken ended)
    {
        var context = await member.SessionContext();
        var outgoing = Channel.CreateUnbounded<AggregatorMessage>();
        var session = member.System.ActorOf(Props.Create(() => new SessionActor(context, outgoing.Writer)));
        using var leaving = member.Leaving.Register(() => session.Tell(MemberLeaves.Instance));
        Tell(session, new AgentMessage { Hello = Hello() });
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ended);
        var sending = Task.CompletedTask;
        try
        {
            await foreach (var message in outgoing.Reader.ReadAllAsync(ended))
            {
                switch (message.MessageCase)
                {
                    case AggregatorMessage.MessageOneofCase.Welcome:
                        Home = member;
                        sending = Send(session, (int)message.Welcome.Credits, over.Token);
                        break;
                    case AggregatorMessage.MessageOneofCase.Ack:
                        await Take(message.Ack);
                        break;
                    case AggregatorMessage.MessageOneofCase.Refused:
                        Locked(() =>
                        {
                            _refusals.Add(message.Refused);
                            return true;
                        });
                        break;
                    default:
                        break;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped, or the member died.
        }

        await over.CancelAsync();
        await sending;
        session.Tell(StreamEnded.Instance);
    }

    private async Task Send(IActorRef session, int credits, CancellationToken over)
    {
        var sent = new HashSet<ulong>();
        using var timer = new PeriodicTimer(SendEvery, TimeProvider.System);
        try
        {
            for (var turn = 0; ; turn++)
            {
                foreach (var record in Locked(() => Due(sent, credits)))
                {
                    Tell(session, new AgentMessage { Record = record });
                }

                if (turn % BeatEvery == 0)
                {
                    Tell(session, new AgentMessage { Heartbeat = new Heartbeat { Series = { cluster.Series } } });
                }

                await timer.WaitForNextTickAsync(over);
            }
        }
        catch (OperationCanceledException)
        {
            // The stream is over.
        }
    }

    private List<WireRecord> Due(HashSet<ulong> sent, int credits)
    {
        var due = new List<WireRecord>();
        foreach (var record in _unacknowledged.Values.Take(credits).Where(record => sent.Add(record.Seq)))
        {
            var copy = record.Clone();
            copy.Floor = _unacknowledged.First().Key;
            due.Add(copy);
        }

        return due;
    }

    private async Task Take(Ack ack)
    {
        foreach (var part in ack.Refused)
        {
            cluster.Store.Violations.Enqueue($"record {part.Seq} of {node} was refused: {part.Fate}");
        }

        foreach (var range in ack.Ranges)
        {
            for (var seq = range.First; seq <= range.Last; seq++)
            {
                if (Locked(() => _unacknowledged.GetValueOrDefault(seq)) is { } record)
                {
                    await cluster.Store.CheckAcknowledged(new RecordKey(node, instance, seq), record.Content.Contributions.Count);
                    Locked(() => _unacknowledged.Remove(seq));
                }
            }
        }
    }

    private Hello Hello() => Locked(() => new Hello
    {
        Node = node,
        Instance = RecordKey.InstanceToWire(instance),
        NextSeq = _next,
        Floor = _unacknowledged.Count > 0 ? _unacknowledged.First().Key : _next,
        Version = "1.0",
        Series = { cluster.Series },
    });

    private void Tell(IActorRef session, AgentMessage message) => session.Tell(new AgentSaid(message, UnixNanoseconds.Of(cluster.Clock.GetUtcNow())));

    private T Locked<T>(Func<T> work)
    {
        lock (_lock)
        {
            return work();
        }
    }
}
