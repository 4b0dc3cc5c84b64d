using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Event;
using FleetVibe.Aggregator.Gateways;
using FleetVibe.Aggregator.Membership;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Nodes;

/// <summary>Runs the <see cref="NodeState"/> of one node.</summary>
internal sealed class NodeEntity : UntypedActor, IWithTimers
{
    private static readonly TimeSpan TickEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RepublishEvery = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PassivateAfter = TimeSpan.FromHours(1);

    private readonly NodeState _state;
    private readonly IGateway _gateway;
    private readonly TimeProvider _time;
    private readonly Action<object> _publish;
    private readonly string _node;
    private readonly TimeSpan _startedAt;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private TimeSpan _publishAt;
    private TimeSpan _republishAt;
    private NodeReachability _reachability;
    private bool _isChanged;

    public NodeEntity(string node, TimeSpan unreachable, IGateway gateway, TimeProvider time, Action<object> publish)
    {
        _node = node;
        _state = new NodeState(node, unreachable);
        _gateway = gateway;
        _time = time;
        _publish = publish;
        _startedAt = Moment.Of(time).Up;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    // Spread, so that thousands of nodes do not publish in the same instant.
    protected override void PreStart() => Timers.StartPeriodicTimer(
        TickDue.Instance, TickDue.Instance, TimeSpan.FromMilliseconds(ClusterNames.SpreadOf(_node, 1000)), TickEvery);

    protected override void OnReceive(object message)
    {
        var now = Moment.Of(_time);
        switch (message)
        {
            case OpenSession open:
                _state.Open(open, Sender, now);
                break;
            case NodeHeartbeat heartbeat:
                _state.Hear(heartbeat, Sender, now);
                _isChanged = true;
                break;
            case SessionClosed closed:
                _state.Close(closed);
                break;
            case Admitted admitted:
                _state.Admitted(admitted.Ticket, admitted.Reply, now);
                _isChanged = true;
                break;
            case AdmissionFailed failed:
                _state.AdmissionFailed(failed.Ticket, failed.Error);
                break;
            case Renewed renewed:
                _state.Renewed(renewed.Session, renewed.Reply);
                break;
            case RenewalFailed:
                // The gateway's client says that it is down; the next heartbeat asks again.
                break;
            case TickDue:
                PassivateIfGone(now);
                break;
            case StopEntity:
                Context.Stop(Self);
                return;
            default:
                Unhandled(message);
                break;
        }

        RunEffects();
        Publish(now);
    }

    private void RunEffects()
    {
        foreach (var effect in _state.TakeEffects())
        {
            switch (effect)
            {
                case NodeEffect.Admit admit:
                    _gateway.AdmitInstance(admit.Request).PipeTo(
                        Self, success: reply => new Admitted(admit.Ticket, reply), failure: e => new AdmissionFailed(admit.Ticket, e.Message));
                    break;
                case NodeEffect.Renew renew:
                    _gateway.AdmitInstance(renew.Request).PipeTo(
                        Self, success: reply => new Renewed(renew.Session, reply), failure: _ => RenewalFailed.Instance);
                    break;
                case NodeEffect.Tell tell:
                    ((IActorRef)tell.Session).Tell(tell.Message);
                    break;
                case NodeEffect.Alarm alarm:
                    _log.Error("{0}", alarm.Text);
                    break;
                default:
                    throw new InvalidOperationException($"no arm for {effect.GetType().Name}");
            }
        }
    }

    private void Publish(Moment now)
    {
        var reachability = _state.ReachabilityAt(now);
        if (reachability == NodeReachability.Unknown || now.Up < _publishAt)
        {
            return;
        }

        if (reachability != _reachability)
        {
            if (_reachability != NodeReachability.Unknown)
            {
                _log.Info("Node {0} is {1}", _node, reachability);
            }

            _reachability = reachability;
            _isChanged = true;
        }

        if (_isChanged || now.Up >= _republishAt)
        {
            _isChanged = false;
            _publishAt = now.Up + TickEvery;
            _republishAt = now.Up + RepublishEvery;
            _publish(new NodeChanged { Node = _state.View(now) });
        }
    }

    private void PassivateIfGone(Moment now)
    {
        if (now.Up - (_state.LastHeard?.Up ?? _startedAt) > PassivateAfter)
        {
            Context.Parent.Tell(new Passivate(StopEntity.Instance));
        }
    }

    private sealed class TickDue : INoSerializationVerificationNeeded, IDeadLetterSuppression
    {
        public static readonly TickDue Instance = new();
    }

    private sealed record Admitted(long Ticket, AdmitInstanceReply Reply) : INoSerializationVerificationNeeded;

    private sealed record AdmissionFailed(long Ticket, string Error) : INoSerializationVerificationNeeded;

    private sealed record Renewed(string Session, AdmitInstanceReply Reply) : INoSerializationVerificationNeeded;

    private sealed record RenewalFailed : INoSerializationVerificationNeeded
    {
        public static readonly RenewalFailed Instance = new();
    }
}
