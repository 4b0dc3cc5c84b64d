using System.Reflection;
using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using FleetVibe.Protocol.V1;
using Google.Protobuf;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;
using static FleetVibe.Agent.Uplink.IngestStream;

namespace FleetVibe.Agent.Uplink;

/// <summary>
/// Keeps one stream to one of the aggregators and sends the spool up it. Whatever happens to the stream, the spool says
/// what is still owed.
/// </summary>
internal sealed partial class UplinkActor : UntypedActor, IWithTimers
{
    private const int SilentHeartbeats = 3;
    private const int BacklogPage = 64;

    private static readonly TimeSpan WelcomePatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly string Version =
        typeof(UplinkActor).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private AgentSettings _settings;
    private readonly SpoolWorker _spool;
    private readonly IActorRef _accumulator;
    private readonly TimeProvider _time;
    private readonly ReconnectSchedule _schedule;
    private SpoolStatus _status;
    private IngestStream? _stream;
    private SendQueue? _queue;
    private AgentDescription? _description;
    private bool _helloWanted;
    private bool _heartbeatDue;
    private bool _readingBacklog;
    private ulong _helloNextSeq;

    // The spool's status may be older than what was offered since.
    private ulong _highestSent;
    private long _sentVersion;
    private int _unanswered;
    private TimeSpan _offset;
    private string? _complaint;
    private bool _everConnected;

    public UplinkActor(AgentSettings settings, SpoolWorker spool, SpoolStatus status, IActorRef accumulator, TimeProvider time)
    {
        _settings = settings;
        _spool = spool;
        _status = status;
        _accumulator = accumulator;
        _time = time;
        _schedule = new ReconnectSchedule(settings.Aggregators.Addresses.Count, (int)StableHash.Of(settings.Node));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    internal static Props CreateProps(AgentSettings settings, SpoolWorker spool, SpoolStatus status, IActorRef accumulator, TimeProvider time) =>
        Props.Create(() => new UplinkActor(settings, spool, status, accumulator, time));

    protected override void PreStart()
    {
        _accumulator.Tell(new AccumulatorActor.AttachUplink(Self));
        Timers.StartPeriodicTimer(nameof(HeartbeatDue), HeartbeatDue.Instance, _settings.Heartbeat);
        Timers.StartPeriodicTimer(nameof(LookDue), LookDue.Instance, LookInterval);
        Self.Tell(ConnectDue.Instance);
    }

    protected override void PostStop() => _stream?.Dispose();

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ConnectDue:
                // From the file itself: a sequence that was sent and is not in the hello would look like a spool gone back.
                _spool.RunAsync(store => store.Status).PipeTo(Self, success: status => new StatusRead(status), failure: e => new SpoolFailed(e));
                break;
            case AgentDescription description:
                OnDescription(description);
                break;
            case StreamMessage incoming when incoming.Stream == _stream:
                OnIncoming(incoming);
                break;
            case StreamEnded ended when ended.Stream == _stream:
                Disconnect(ended.Reason, _schedule.AfterFailure());
                break;
            case StreamMessage or StreamEnded:
                break;
            case WelcomeOverdue overdue:
                if (overdue.Stream == _stream && _queue is null)
                {
                    Disconnect("it does not answer", _schedule.AfterFailure());
                }

                break;
            case QueueLoaded loaded when loaded.Stream == _stream:
                OnQueueLoaded(loaded);
                break;
            case BacklogRead read when read.Stream == _stream:
                _readingBacklog = false;
                _queue!.AddBacklog(read.Page, BacklogPage);
                SendRecords();
                break;
            case RecordsOffered offered when offered.Stream == _stream:
                OnOffered(offered);
                break;
            case RecordsSpooled spooled:
                OnSpooled(spooled.Result);
                break;
            case Acknowledged acknowledged:
                OnAcknowledged(acknowledged);
                break;
            case StatusRead read:
                TakeStatus(read.Status);
                _helloWanted = true;
                _accumulator.Tell(new DescribeAgent());
                break;
            case SpoolFailed failed:
                Disconnect($"the spool cannot be used: {failed.Cause.Message}", _schedule.AfterFailure());
                break;
            case HeartbeatDue:
                OnHeartbeatDue();
                break;
            case ChangeSettings change:
                if (change.Settings.Heartbeat != _settings.Heartbeat)
                {
                    Timers.StartPeriodicTimer(nameof(HeartbeatDue), HeartbeatDue.Instance, change.Settings.Heartbeat);
                }

                _settings = change.Settings;
                break;
            case LookDue:
                if (_queue is not null)
                {
                    _accumulator.Tell(new DescribeAgent());
                }

                break;
            case QueueLoaded or BacklogRead or RecordsOffered:
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void OnDescription(AgentDescription description)
    {
        _description = description;
        if (_helloWanted && _stream is null)
        {
            _helloWanted = false;
            Connect();
        }
        else if (_queue is not null && (_heartbeatDue || description.Version != _sentVersion))
        {
            _heartbeatDue = false;
            _sentVersion = description.Version;
            description.Body.SentUnixNs = ClockOffset.Nanoseconds(_time.GetUtcNow());
            _stream!.Send(new AgentMessage { Heartbeat = description.Body });
        }
    }

    private void Connect()
    {
        var address = _settings.Aggregators.Addresses[_schedule.Address];
        try
        {
            _stream = IngestStream.Open(address, _settings.Aggregators, Self, _time);
        }
        catch (Exception e)
        {
            Complain($"{address}: {e.Message}");
            Timers.StartSingleTimer(nameof(ConnectDue), ConnectDue.Instance, _schedule.AfterFailure());
            return;
        }

        // What was made while no stream was up may carry sequences that a lost future of this file used before.
        _helloNextSeq = Math.Max(_status.HighestOffered, _highestSent) + 1;
        var hello = new Hello
        {
            Node = _settings.Node,
            Instance = ByteString.CopyFrom(_status.Instance),
            NextSeq = _helloNextSeq,
            Floor = _status.Floor,
            HighestAcked = _status.HighestAcked,
            ReadsFromStart = _helloNextSeq == 1 && _status.ReplacedLostAt is null && _settings.Sources.Any(source => source is JsonLogSourceSettings { StartAt: StartAt.Beginning }),
            Version = Version,
            SentUnixNs = ClockOffset.Nanoseconds(_time.GetUtcNow()),
        };
        hello.Series.Add(_description!.Body.Series);
        hello.Sources.Add(_description.Body.Sources);
        _stream.Send(new AgentMessage { Hello = hello });
        Timers.StartSingleTimer(nameof(WelcomeOverdue), new WelcomeOverdue(_stream), WelcomePatience);
    }

    private void OnIncoming(StreamMessage incoming)
    {
        switch (incoming.Message.MessageCase)
        {
            case AggregatorMessage.MessageOneofCase.Welcome:
                OnWelcome(incoming.Message.Welcome, incoming.ArrivedAt);
                break;
            case AggregatorMessage.MessageOneofCase.Ack:
                OnAck(incoming.Message.Ack);
                break;
            case AggregatorMessage.MessageOneofCase.Heartbeat:
                var reply = incoming.Message.Heartbeat;
                _unanswered = 0;
                TakeClock(reply.AgentSentUnixNs, reply.ReceivedUnixNs, reply.SentUnixNs, incoming.ArrivedAt);
                break;
            case AggregatorMessage.MessageOneofCase.Moved:
                Disconnect(null, _schedule.AfterMove());
                break;
            case AggregatorMessage.MessageOneofCase.Refused:
                OnRefused(incoming.Message.Refused);
                break;
            default:
                // A later aggregator may say more; what we do not know we do not need.
                break;
        }
    }

    private void OnWelcome(Welcome welcome, DateTimeOffset arrivedAt)
    {
        if (welcome.HighestSeq >= _helloNextSeq)
        {
            ReportLost($"the spool went back in time: the aggregator knows sequence {welcome.HighestSeq} of it, and none from {_helloNextSeq} on was ever offered");
            return;
        }

        if (_queue is not null)
        {
            return;
        }

        var reconnected = _everConnected;
        _everConnected = true;
        _complaint = null;
        _unanswered = 0;
        _schedule.Connected();
        _log.Info("connected to aggregator {0} at {1}", welcome.Aggregator, _stream!.Address);
        TakeClock(welcome.AgentSentUnixNs, welcome.ReceivedUnixNs, welcome.SentUnixNs, arrivedAt, always: true);
        var stream = _stream;
        var credits = (int)Math.Clamp(welcome.Credits, 1, 4096);
        _spool.RunAsync(store => (Offered: store.OfferedSequences(), Status: reconnected ? store.CountReconnect() : store.Status))
            .PipeTo(Self, success: read => new QueueLoaded(stream, credits, read.Offered, read.Status), failure: e => new SpoolFailed(e));
    }

    private void OnQueueLoaded(QueueLoaded loaded)
    {
        _queue = new SendQueue(loaded.Credits, loaded.Offered);
        _readingBacklog = false;
        _heartbeatDue = true;
        OnStatus(loaded.Status);
        SendRecords();
    }

    private void OnRefused(Refused refused)
    {
        switch (refused.Reason)
        {
            case Refused.Types.Reason.SpoolRolledBack:
                ReportLost(refused.Text);
                break;
            case Refused.Types.Reason.NodeHeld:
                Disconnect($"another agent holds the name {_settings.Node} ({refused.Text}); give each node its own name", _schedule.AfterRefusal());
                break;
            default:
                Disconnect($"it refuses: {refused.Text}", _schedule.AfterFailure());
                break;
        }
    }

    private void ReportLost(string why)
    {
        CloseStream();
        Context.Parent.Tell(new SpoolLost(why));
    }

    private void OnHeartbeatDue()
    {
        if (_queue is null)
        {
            return;
        }

        if (_unanswered >= SilentHeartbeats)
        {
            Disconnect("it no longer answers heartbeats", _schedule.AfterFailure());
            return;
        }

        _unanswered++;
        _heartbeatDue = true;
        _accumulator.Tell(new DescribeAgent());
    }

    private void TakeClock(long sent, long received, long answered, DateTimeOffset arrivedAt, bool always = false)
    {
        var offset = ClockOffset.Next(_offset, sent, received, answered, ClockOffset.Nanoseconds(arrivedAt));
        if (always || offset != _offset)
        {
            _offset = offset;
            _accumulator.Tell(new SetClockOffset(offset));
            Context.Parent.Tell(new SetClockOffset(offset));
        }
    }

    private void Disconnect(string? complaint, TimeSpan delay)
    {
        if (complaint is not null)
        {
            Complain($"{_stream?.Address}: {complaint}");
        }

        CloseStream();
        Timers.StartSingleTimer(nameof(ConnectDue), ConnectDue.Instance, delay);
    }

    private void CloseStream()
    {
        _stream?.Dispose();
        _stream = null;
        _queue = null;
        _accumulator.Tell(new SetOfferBudget(0));
    }

    // One line while nothing changes, not one an attempt.
    private void Complain(string complaint)
    {
        if (_complaint is null)
        {
            _log.Warning("no aggregator: {0}; records wait in the spool", complaint);
        }

        _complaint = complaint;
    }
}
