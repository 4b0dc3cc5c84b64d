using System.Threading.Channels;
using Akka.Actor;
using Akka.Event;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Aggregator.Sessions;

/// <summary>One agent's stream: opens it with the node entity, splits records among the series, acknowledges what is durable.</summary>
internal sealed partial class SessionActor : UntypedActor, IWithTimers
{
    private static readonly TimeSpan TickEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan OpenAgainAfter = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan OpenWithin = TimeSpan.FromSeconds(15);
    private const int MaxSeries = 256;
    private const int MaxOpenWindows = 12;

    private readonly SessionContext _context;
    private readonly ChannelWriter<AggregatorMessage> _agent;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly string _id = Guid.NewGuid().ToString("N");
    private Hello _hello = new();
    private long _helloReceivedNs;
    private TimeSpan _openUntil;
    private TimeSpan _openAgainAt;
    private TimeSpan _lastHeard;
    private OutstandingRecords? _records;
    private bool _flushIsDue;

    public SessionActor(SessionContext context, ChannelWriter<AggregatorMessage> agent)
    {
        _context = context;
        _agent = agent;
        _lastHeard = Moment.Of(context.Time).Up;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartPeriodicTimer(TickDue.Instance, TickDue.Instance, TickEvery);

    // Also before a restart after a failure: the agent sees its stream end, and comes back.
    protected override void PostStop() => _agent.TryComplete();

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case AgentSaid { Message.MessageCase: AgentMessage.MessageOneofCase.Hello } said:
                Greet(said.Message.Hello, said.ReceivedUnixNs);
                break;
            case AgentSaid:
                Refuse(Refused.Types.Reason.Protocol, "the first message of a stream is Hello");
                break;
            case TickDue:
                EndIfUseless();
                break;
            case MemberLeaves:
                End(new AggregatorMessage { Moved = new Moved() });
                break;
            case StreamEnded:
                Context.Stop(Self);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Greet(Hello hello, long receivedNs)
    {
        _lastHeard = Now.Up;
        if (hello.Node.Length is 0 or > 255 || hello.Instance.Length != RecordKey.InstanceLength)
        {
            Refuse(Refused.Types.Reason.Protocol, $"a hello needs a node name of 1 to 255 characters and an instance of {RecordKey.InstanceLength} bytes");
            return;
        }

        if (!_context.HasMajority())
        {
            Refuse(Refused.Types.Reason.Unavailable, "this aggregator does not reach a majority of its cluster");
            return;
        }

        _hello = hello;
        _helloReceivedNs = receivedNs;
        _openUntil = Now.Up + OpenWithin;
        AskToOpen();
        Become(Opening);
    }

    private void Opening(object message)
    {
        switch (message)
        {
            case SessionOpened opened when opened.Session == _id:
                Open(opened);
                break;
            case SessionRefused refused when refused.Session == _id:
                End(new AggregatorMessage { Refused = refused.Refused });
                break;
            case SessionSuperseded superseded when superseded.Session == _id:
            case MemberLeaves:
                End(new AggregatorMessage { Moved = new Moved() });
                break;
            case TickDue when Now.Up >= _openUntil:
                Refuse(Refused.Types.Reason.Unavailable, "the cluster did not answer for this node");
                break;
            case TickDue:
                if (Now.Up >= _openAgainAt)
                {
                    AskToOpen();
                }

                break;
            case AgentSaid:
                Refuse(Refused.Types.Reason.Protocol, "nothing may be sent before Welcome");
                break;
            case StreamEnded:
                Leave();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void AskToOpen()
    {
        _openAgainAt = Now.Up + OpenAgainAfter;
        _context.Nodes.Tell(new OpenSession { Hello = _hello, Session = _id });
    }

    private void Open(SessionOpened opened)
    {
        _records = new OutstandingRecords(_hello.Node, _hello.Instance);
        Become(Opened);
        Send(new AggregatorMessage
        {
            Welcome = new Welcome
            {
                Credits = (uint)_context.Settings.Credits,
                AgentSentUnixNs = _hello.SentUnixNs,
                ReceivedUnixNs = _helloReceivedNs,
                SentUnixNs = NowNs,
                HighestSeq = opened.HighestSeq,
                Aggregator = _context.Settings.Name,
            },
        });
        Declare(_hello.Series, [], []);
        _log.Info("Node {0} reports here", _hello.Node);
    }

    private void Opened(object message)
    {
        switch (message)
        {
            case AgentSaid said:
                _lastHeard = Now.Up;
                Hear(said);
                break;
            case ContributionSettled settled:
                _records!.Settle(settled);
                FlushSoon();
                break;
            case ContributionHeld held:
                _records!.Hold(held, Now);
                break;
            case GatewayAnswered answered:
                _records!.GatewayAnswered(answered.Seq, answered.Part, answered.Fate);
                FlushSoon();
                break;
            case GatewayFailed failed:
                _records!.GatewayFailed(failed.Seq, failed.Part, Now);
                break;
            case SessionOpened:
                // Asked twice, answered twice.
                break;
            case FlushDue:
                Flush();
                break;
            case TickDue:
                if (!EndIfUseless())
                {
                    SendAll(_records!.TakeDue(Now));
                }

                break;
            case SessionSuperseded superseded when superseded.Session == _id:
            case MemberLeaves:
                End(new AggregatorMessage { Moved = new Moved() });
                break;
            case StreamEnded:
                Leave();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Hear(AgentSaid said)
    {
        switch (said.Message.MessageCase)
        {
            case AgentMessage.MessageOneofCase.Record:
                Take(said.Message.Record);
                break;
            case AgentMessage.MessageOneofCase.Heartbeat:
                var heartbeat = said.Message.Heartbeat;
                Send(new AggregatorMessage
                {
                    Heartbeat = new HeartbeatReply { AgentSentUnixNs = heartbeat.SentUnixNs, ReceivedUnixNs = said.ReceivedUnixNs, SentUnixNs = NowNs },
                });
                _context.Nodes.Tell(new NodeHeartbeat
                {
                    Node = _hello.Node,
                    Session = _id,
                    Heartbeat = WithoutOpenWindows(heartbeat),
                    Instance = _hello.Instance,
                    Version = _hello.Version,
                });
                Declare(heartbeat.Series.Count > 0 ? heartbeat.Series : _hello.Series, heartbeat.Open, heartbeat.Withdrawn);
                break;
            case AgentMessage.MessageOneofCase.Hello:
                Refuse(Refused.Types.Reason.Protocol, "a second Hello in one stream");
                break;
            default:
                // A message of a later release: it said hello, so it knows that we are older.
                break;
        }
    }

    // They go to their series; a node with many would not fit into one message between members.
    private static Heartbeat WithoutOpenWindows(Heartbeat heartbeat) => new()
    {
        SentUnixNs = heartbeat.SentUnixNs,
        Sources = { heartbeat.Sources },
        Ledger = heartbeat.Ledger,
        Gpus = { heartbeat.Gpus },
        Series = { heartbeat.Series },
    };

    private void Take(Record record)
    {
        if (_records!.Contains(record.Seq))
        {
            return;
        }

        if (record.Seq is 0 or > long.MaxValue || record.Floor > record.Seq)
        {
            Refuse(Refused.Types.Reason.Protocol, $"record {record.Seq} with the floor {record.Floor}: neither zero nor above 2^63, and no floor above its record");
            return;
        }

        if (_records.Count >= _context.Settings.Credits)
        {
            Refuse(Refused.Types.Reason.Protocol, $"more than {_context.Settings.Credits} records without acknowledgement");
            return;
        }

        SendAll(_records.Add(record, Now));
        foreach (var defect in _records.DefectsOf(record.Seq).Take(1))
        {
            _log.Warning("Record {0} of node {1} is refused as undecodable: {2}", record.Seq, _hello.Node, defect);
        }

        FlushSoon();
    }

    private void SendAll(IReadOnlyList<OutgoingPart> parts)
    {
        foreach (var part in parts)
        {
            switch (part.Message)
            {
                case MergeContribution contribution:
                    _context.Series.Tell(contribution);
#if BREAK_ACKBEFORECOMMIT
                    _records!.Settle(new ContributionSettled { Key = contribution.Key, Record = contribution.Record, Fate = Fate.Committed });
                    FlushSoon();
#endif
                    break;
                case RefusePartRequest request:
                    _records!.Asked(part.Seq, part.Part);
                    _context.Gateway.RefusePart(request).PipeTo(
                        Self,
                        success: reply => new GatewayAnswered(part.Seq, part.Part, reply.Fate),
                        failure: _ => new GatewayFailed(part.Seq, part.Part));
                    break;
                case PutPointsRequest request:
                    _records!.Asked(part.Seq, part.Part);
                    _context.Gateway.PutPoints(request).PipeTo(
                        Self,
                        success: _ => new GatewayAnswered(part.Seq, part.Part, Fate.Committed),
                        failure: _ => new GatewayFailed(part.Seq, part.Part));
                    break;
                default:
                    throw new InvalidOperationException($"no arm for {part.Message.Descriptor.Name}");
            }
        }
    }

    private void Declare(IEnumerable<SeriesKey> series, IReadOnlyCollection<OpenWindow> open, IReadOnlyCollection<SeriesKey> withdrawn)
    {
        var windows = open.Where(window => window.Series is not null).ToLookup(window => window.Series);
        foreach (var key in series.Union(withdrawn).Where(key => RecordSplit.DefectOf(key) is null).Take(MaxSeries))
        {
            _context.Series.Tell(new DeclareHost { Series = key, Host = _hello.Node, Withdrawn = withdrawn.Contains(key), Open = { windows[key].TakeLast(MaxOpenWindows) } });
        }
    }

    // A commit answers many records one by one: those that are already in the mailbox go into one acknowledgement.
    private void FlushSoon()
    {
        if (_records!.HasDone && !_flushIsDue)
        {
            _flushIsDue = true;
            Self.Tell(FlushDue.Instance);
        }
    }

    private void Flush()
    {
        _flushIsDue = false;
        if (_records!.HasDone)
        {
            Send(new AggregatorMessage { Ack = _records.TakeAck() });
        }
    }

    private bool EndIfUseless()
    {
        if (Now.Up - _lastHeard > _context.Settings.Unreachable)
        {
            Refuse(Refused.Types.Reason.Unavailable, "nothing was heard on this stream");
            return true;
        }

        if (_records is not null && !_context.HasMajority())
        {
            Refuse(Refused.Types.Reason.Unavailable, "this aggregator does not reach a majority of its cluster");
            return true;
        }

        return false;
    }

    private void Send(AggregatorMessage message)
    {
        if (!_agent.TryWrite(message))
        {
            // It sends and does not read: what is not acknowledged it will send again.
            End(null);
        }
    }

    private void Refuse(Refused.Types.Reason reason, string text) =>
        End(new AggregatorMessage { Refused = new Refused { Reason = reason, Text = text } });

    private void End(AggregatorMessage? last)
    {
        if (last is not null)
        {
            _agent.TryWrite(last);
        }

        _agent.TryComplete();
        Timers.CancelAll();
        Become(Ended);
    }

    // The stream's own end follows; until then answers may still arrive.
    private void Ended(object message)
    {
        if (message is StreamEnded)
        {
            Leave();
        }
    }

    private void Leave()
    {
        if (_hello.Node.Length > 0)
        {
            _context.Nodes.Tell(new SessionClosed { Node = _hello.Node, Session = _id });
        }

        Context.Stop(Self);
    }

    private Moment Now => Moment.Of(_context.Time);

    private long NowNs => UnixNanoseconds.Of(Now.Utc);
}
