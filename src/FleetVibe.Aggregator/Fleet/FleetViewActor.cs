using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using FleetVibe.Aggregator.Gateways;
using FleetVibe.Aggregator.Membership;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Fleet;

/// <summary>What the fleet looks like now. Answered with <see cref="FleetAnswer"/>.</summary>
/// <param name="Windows">Of each series, newest first; 0 means 30.</param>
/// <param name="Known">The version that the asker has: nothing is built where it is still the newest.</param>
internal sealed record GetFleetView(uint Windows, long? Known) : INoSerializationVerificationNeeded;

internal sealed record FleetAnswer(long Version, FleetSnapshot? Snapshot) : INoSerializationVerificationNeeded;

/// <summary>Keeps one member's picture of the fleet: what entities anywhere publish, the members, the gateway.</summary>
internal sealed class FleetViewActor : UntypedActor, IWithTimers
{
    private const int DefaultWindows = 30;
    private static readonly TimeSpan PollEvery = TimeSpan.FromSeconds(2);

    private readonly FleetState _state;
    private readonly AggregatorSettings _settings;
    private readonly IGateway _gateway;
    private readonly ClusterView _cluster;
    private readonly TimeProvider _time;
    private GatewayStatus? _status;
    private string _statusError = "";
    private long _polls;

    public FleetViewActor(AggregatorSettings settings, IGateway gateway, ClusterView cluster, TimeProvider time)
    {
        _state = new FleetState(settings.Unreachable);
        _settings = settings;
        _gateway = gateway;
        _cluster = cluster;
        _time = time;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        DistributedPubSub.Get(Context.System).Mediator.Tell(new Subscribe(ClusterNames.FleetTopic, Self));
        Timers.StartSingleTimer(PollDue.Instance, PollDue.Instance, TimeSpan.Zero);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case SeriesChanged changed:
                _state.Take(changed.Series);
                break;
            case NodeChanged changed:
                _state.Take(changed.Node);
                break;
            case GetFleetView get:
                Sender.Tell(Answer(get));
                break;
            case PollDue:
                _gateway.GetStatus(new GatewayStatusRequest()).PipeTo(
                    Self, success: status => new StatusRead(status, ""), failure: e => new StatusRead(null, e.Message));
                break;
            case StatusRead read:
                _status = read.Status;
                _statusError = read.Error;
                _polls++;
                _state.ForgetGone(_time.GetUtcNow());
                Timers.StartSingleTimer(PollDue.Instance, PollDue.Instance, PollEvery);
                break;
            case SubscribeAck:
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private FleetAnswer Answer(GetFleetView get)
    {
        // Members and the silence of nodes change without a message; the poll stands in for them.
        var version = _state.Version + _polls;
        if (get.Known == version)
        {
            return new FleetAnswer(version, null);
        }

        var snapshot = _state.Snapshot(get.Windows == 0 ? DefaultWindows : (int)Math.Min(get.Windows, 1000), _time.GetUtcNow());
        snapshot.Aggregator = _settings.Name;
        snapshot.Members.AddRange(_cluster.Views());
        snapshot.Gateway = _status;
        snapshot.GatewayError = _statusError;
        return new FleetAnswer(version, snapshot);
    }

    private sealed class PollDue : INoSerializationVerificationNeeded, IDeadLetterSuppression
    {
        public static readonly PollDue Instance = new();
    }

    private sealed record StatusRead(GatewayStatus? Status, string Error) : INoSerializationVerificationNeeded;
}
