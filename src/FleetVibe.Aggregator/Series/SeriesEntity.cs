using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Event;
using FleetVibe.Aggregator.Gateways;
using FleetVibe.Aggregator.Membership;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Series;

/// <summary>Runs the <see cref="SeriesState"/> of one series: hands it what arrives, does what it decides.</summary>
internal sealed class SeriesEntity : UntypedActor, IWithTimers
{
    private static readonly TimeSpan TickEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan PublishEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PublishAllEvery = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PassivateAfter = TimeSpan.FromMinutes(10);

    // A quarter of a remoting frame: what does not fit into one is dropped.
    private const int MaxPublishedBytes = 256 * 1024;

    private readonly SeriesKey _series;
    private readonly SeriesState _state;
    private readonly IGateway _gateway;
    private readonly TimeProvider _time;
    private readonly Action<object> _publish;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly HashSet<string> _alarms = [];
    private TimeSpan _publishAt;
    private TimeSpan _publishAllAt;
    private TimeSpan? _idleSince;

    public SeriesEntity(string entityId, SeriesRules rules, IGateway gateway, TimeProvider time, Action<object> publish)
    {
        _series = SeriesEntityId.Parse(entityId);
        _state = new SeriesState(_series, rules);
        _gateway = gateway;
        _time = time;
        _publish = publish;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        Timers.StartPeriodicTimer(TickDue.Instance, TickDue.Instance, TickEvery);
        _state.Start();
        RunEffects();
    }

    protected override void OnReceive(object message)
    {
        var now = Moment.Of(_time);
        switch (message)
        {
            case MergeContribution contribution:
                _state.Merge(contribution, Sender, now);
                break;
            case DeclareHost declaration:
                _state.Declare(declaration, now);
                break;
            case TickDue:
                _state.Tick(now);
                Publish(now);
                PassivateIfIdle(now);
                break;
            case OpenWindowsLoaded loaded:
                _state.OpenWindowsLoaded(loaded.Reply, now);
                break;
            case OpenWindowsFailed:
                _state.OpenWindowsFailed(now);
                break;
            case WindowLoaded loaded:
                _state.WindowLoaded(loaded.Window, loaded.Ticket, loaded.State, now);
                break;
            case WindowLoadFailed failed:
                _state.WindowLoadFailed(failed.Window, failed.Ticket, now);
                break;
            case CommitAnswered answered:
                _state.CommitAnswered(answered.Window, answered.Ticket, answered.Request, answered.Reply, now);
                break;
            case CommitFailed failed:
                _state.CommitFailed(failed.Window, failed.Ticket, now);
                break;
            case PartRefused refused:
                AnswerRefused(refused);
                break;
            case StopEntity:
                StopWhenCommitted();
                break;
            default:
                Unhandled(message);
                break;
        }

        RunEffects();
    }

    private void RunEffects()
    {
        foreach (var effect in _state.TakeEffects())
        {
            Run(effect);
        }
    }

    private void Run(SeriesEffect effect)
    {
        switch (effect)
        {
            case SeriesEffect.LoadOpen:
                _gateway.LoadOpenWindows(new LoadOpenWindowsRequest { Series = _series }).PipeTo(
                    Self, success: reply => new OpenWindowsLoaded(reply), failure: _ => OpenWindowsFailed.Instance);
                break;
            case SeriesEffect.Load load:
                _gateway.LoadWindow(new LoadWindowRequest { Key = load.Window.ToWire(_series) }).PipeTo(
                    Self, success: window => new WindowLoaded(load.Window, load.Ticket, window), failure: _ => new WindowLoadFailed(load.Window, load.Ticket));
                break;
            case SeriesEffect.Commit commit:
                _gateway.Commit(commit.Request).PipeTo(
                    Self,
                    success: reply => new CommitAnswered(commit.Window, commit.Ticket, commit.Request, reply),
                    failure: _ => new CommitFailed(commit.Window, commit.Ticket));
                break;
            case SeriesEffect.Refuse refuse:
                // Without an answer from the gateway there is none to the session, which sends again.
                _gateway.RefusePart(refuse.Request).PipeTo(
                    Self, success: reply => new PartRefused(refuse, reply.Fate), failure: _ => new PartRefused(refuse, Fate.Unspecified));
                break;
            case SeriesEffect.Answer answer:
                ((IActorRef)answer.ReplyTo).Tell(answer.Message);
                break;
            case SeriesEffect.Alarm alarm:
                if (_alarms.Count < 1000 && _alarms.Add(alarm.Text))
                {
                    _log.Error("{0}", alarm.Text);
                }

                break;
            default:
                throw new InvalidOperationException($"no arm for {effect.GetType().Name}");
        }
    }

    private static void AnswerRefused(PartRefused refused)
    {
        if (refused.Standing != Fate.Unspecified)
        {
            var request = refused.Refusal.Request;
            ((IActorRef)refused.Refusal.ReplyTo).Tell(new ContributionSettled
            {
                Key = request.Key,
                Record = request.Part.Record,
                Fate = refused.Refusal.Forged ? Fate.Undecodable : refused.Standing,
                Duplicate = refused.Standing != request.Fate,
            });
        }
    }

    private void Publish(Moment now)
    {
        if (now.Up < _publishAt)
        {
            return;
        }

        var all = now.Up >= _publishAllAt;
        var view = _state.TakeView(now, all);
        _publishAt = now.Up + PublishEvery;
        if (all)
        {
            _publishAllAt = now.Up + PublishAllEvery;
        }

        foreach (var part in SeriesViews.InParts(view, MaxPublishedBytes))
        {
            _publish(new SeriesChanged { Series = part });
        }
    }

    // A model that nobody serves any more; the next contribution starts the entity again.
    private void PassivateIfIdle(Moment now)
    {
        _idleSince = _state.IsIdle ? _idleSince ?? now.Up : null;
        if (now.Up - _idleSince > PassivateAfter)
        {
            _idleSince = now.Up;
            Context.Parent.Tell(new Passivate(StopEntity.Instance));
        }
    }

    // Who waits for this commit need not send again to the next owner. No further one is begun here.
    private void StopWhenCommitted()
    {
        _state.Stop();
        if (!_state.IsCommitting)
        {
            Context.Stop(Self);
            return;
        }

        Timers.CancelAll();
        Timers.StartSingleTimer(StopDue.Instance, StopDue.Instance, StopWithin);
        Become(Stopping);
    }

    private void Stopping(object message)
    {
        switch (message)
        {
            case CommitAnswered answered:
                _state.CommitAnswered(answered.Window, answered.Ticket, answered.Request, answered.Reply, Moment.Of(_time));
                break;
            case CommitFailed failed:
                _state.CommitFailed(failed.Window, failed.Ticket, Moment.Of(_time));
                break;
            case StopDue:
                Context.Stop(Self);
                break;
            default:
                // Sessions send again, to the next owner.
                break;
        }

        foreach (var effect in _state.TakeEffects().OfType<SeriesEffect.Answer>())
        {
            Run(effect);
        }

        if (!_state.IsCommitting)
        {
            Context.Stop(Self);
        }
    }

    private sealed class TickDue : INoSerializationVerificationNeeded, IDeadLetterSuppression
    {
        public static readonly TickDue Instance = new();
    }

    private sealed class StopDue : INoSerializationVerificationNeeded, IDeadLetterSuppression
    {
        public static readonly StopDue Instance = new();
    }

    private sealed record OpenWindowsLoaded(LoadOpenWindowsReply Reply) : INoSerializationVerificationNeeded;

    private sealed record OpenWindowsFailed : INoSerializationVerificationNeeded
    {
        public static readonly OpenWindowsFailed Instance = new();
    }

    private sealed record WindowLoaded(WindowId Window, long Ticket, WindowState State) : INoSerializationVerificationNeeded;

    private sealed record WindowLoadFailed(WindowId Window, long Ticket) : INoSerializationVerificationNeeded;

    private sealed record CommitAnswered(WindowId Window, long Ticket, CommitRequest Request, CommitReply Reply) : INoSerializationVerificationNeeded;

    private sealed record CommitFailed(WindowId Window, long Ticket) : INoSerializationVerificationNeeded;

    private sealed record PartRefused(SeriesEffect.Refuse Refusal, Fate Standing) : INoSerializationVerificationNeeded;
}
