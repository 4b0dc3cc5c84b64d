using Akka.Actor;
using Akka.Event;
using Akka.Pattern;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Printing;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using FleetVibe.Agent.Uplink;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;

namespace FleetVibe.Agent;

/// <summary>Makes the actor of one source.</summary>
internal delegate Props SourceFactory(SourceSettings settings, IActorRef accumulator, TimeProvider time);

/// <summary>
/// One node's agent: the accumulator, the uplink, and the sources under back-off supervision, which it tells when to
/// collect. Accumulator and sources live and die together: a source that outlived its accumulator would have read on.
/// Which sources there are may change at any time.
/// </summary>
internal sealed partial class AgentActor : UntypedActor, IWithTimers
{
    private static readonly TimeSpan FirstRestart = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastRestart = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortestInterval = TimeSpan.FromSeconds(1);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private AgentSettings _settings;
    private readonly SpoolWorker _spool;
    private readonly SourceFactory _factory;
    private readonly FinderFactory _finders;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, IActorRef> _sources = [];
    private readonly Dictionary<string, DateTimeOffset> _lastDue = [];
    private IActorRef? _accumulator;
    private IActorRef? _uplink;
    private IActorRef? _stopper;
    private bool _tearingDown;
    private string? _lostWhy;
    private TimeSpan _clockOffset;

    public AgentActor(AgentSettings settings, SpoolWorker spool, SourceFactory factory, FinderFactory finders, TimeProvider time)
    {
        _settings = _configured = settings;
        _spool = spool;
        _factory = factory;
        _finders = finders;
        _time = time;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    internal static Props CreateProps(
        AgentSettings settings, SpoolWorker spool, SourceFactory factory, TimeProvider time, FinderFactory? finders = null) =>
        Props.Create(() => new AgentActor(settings, spool, factory, finders ?? Finders.Factory, time));

    protected override void PreStart()
    {
        Load();
        StartDiscoveries();
    }

    // Where accumulator or uplink fail, all begin again from the spool; see OnTerminated.
    protected override SupervisorStrategy SupervisorStrategy() =>
        new OneForOneStrategy(_ => _discoveries.Values.Any(discovery => discovery.Actor.Equals(Sender)) ? Directive.Restart : Directive.Stop);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case SpoolLoaded loaded:
                Begin(loaded.Contents);
                break;
            case LoadFailed failed:
                _log.Error("cannot read the spool in {0}: {1}", _settings.DataDirectory, failed.Cause.Message);
                Timers.StartSingleTimer(nameof(LoadDue), LoadDue.Instance, FirstRestart);
                break;
            case LoadDue:
                Load();
                break;
            case SourceDue due:
                if (!_isPrompted && _sources.TryGetValue(due.Source.Key, out var source))
                {
                    source.Tell(SourceMessages.CollectDue.Instance);
                    Schedule(due.Source);
                }

                break;
            case ChangeSettings change:
                _configured = change.Settings;
                _accumulator?.Tell(new Happened(Occurrence.ConfigReloaded, ""));
                StartDiscoveries();
                OnWantedChanged();
                break;
            case DiscoveryActor.TargetsFound found:
                OnFound(found);
                break;
            case Happened happened:
                _accumulator?.Tell(happened);
                break;
            case Collected collected:
                OnCollected(collected.Ticket);
                break;
            case SetClockOffset offset:
                _clockOffset = offset.Offset;
                _lastDue.Clear();
                ScheduleAll();
                break;
            case SpoolLost lost:
                TearDown(lost.Why);
                break;
            case Collect:
                OnCollect();
                break;
            case SourceCollected collected:
                OnCollected(collected.SourceKey);
                break;
            case SourceStarted started:
                OnStarted(started.SourceKey);
                break;
            case RoundOverdue:
                _round.End();
                OnRoundEnded();
                break;
            case StopAgent:
                _stopper = Sender;
                StopDiscoveries();
                if (_settings.Outlet is not null)
                {
                    LimitStop();
                }

                StopSourcesOnceCollected();
                break;
            case StopOverdue:
                OnStopOverdue();
                break;
            case Terminated terminated:
                OnTerminated(terminated.ActorRef);
                break;
            case WindowsStored when _settings.Outlet is not null && _uplink is not null:
                _uplink.Tell(PointPrinterActor.PrintRest.Instance);
                break;
            case WindowsStored or PointPrinterActor.RestPrinted:
                _stopper?.Tell(AgentStopped.Instance);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Load() =>
        _spool.RunAsync(store => store.Load()).PipeTo(Self, success: contents => new SpoolLoaded(contents), failure: e => new LoadFailed(e));

    private void Begin(SpoolContents contents)
    {
        if (_stopper is not null && !_round.IsOpen)
        {
            _stopper.Tell(AgentStopped.Instance);
            return;
        }

        _accumulator = Context.Watch(Context.ActorOf(AccumulatorActor.CreateProps(_settings, _spool, contents, _time)));
        _uplink = Context.Watch(Context.ActorOf(_settings.Outlet is { } outlet
            ? PointPrinterActor.CreateProps(outlet, _spool, contents.ClockOffset, _accumulator, _time)
            : UplinkActor.CreateProps(_settings, _spool, contents.Status, _accumulator, _time)));
        foreach (var source in _settings.Sources)
        {
            StartSource(source);
        }

        if (_round.IsOpen)
        {
            BeginRound();
        }
    }

    private void StartSource(SourceSettings source)
    {
        var backoff = Backoff.OnFailure(_factory(source, _accumulator!, _time), "source", FirstRestart, LastRestart, 0.2, -1)
            .WithSupervisorStrategy(new OneForOneStrategy(_ => Directive.Restart));
        _sources[source.Key] = Context.Watch(Context.ActorOf(BackoffSupervisor.Props(backoff)));
        if (!_isPrompted)
        {
            Schedule(source);
        }
    }

    private void ScheduleAll()
    {
        foreach (var source in _settings.Sources.Where(source => !_isPrompted && _sources.ContainsKey(source.Key)))
        {
            Schedule(source);
        }
    }

    private void Schedule(SourceSettings source)
    {
        var interval = (source as PolledSourceSettings)?.Interval ?? _settings.Interval;
        interval = interval < ShortestInterval ? ShortestInterval : interval;
        var now = _time.GetUtcNow() + _clockOffset;
        var due = CollectSchedule.Next(now, interval, CollectSchedule.DelayOf(_settings.Node, source.Target));

        // A timer may fire a little early.
        if (_lastDue.TryGetValue(source.Key, out var last) && due == last)
        {
            due += interval;
        }

        _lastDue[source.Key] = due;
        Timers.StartSingleTimer(source.Key, new SourceDue(source), due - now);
    }

    // Drops what is in memory; what is in the spool is whole.
    private void TearDown(string? replaceSpoolWhy)
    {
        if (_stopper is not null || _tearingDown)
        {
            return;
        }

        _tearingDown = true;
        _lostWhy = replaceSpoolWhy;
        StopSources();
        foreach (var part in new[] { _accumulator, _uplink }.OfType<IActorRef>())
        {
            Context.Stop(part);
        }

        GoOnOnceStopped();
    }

    private void StopSources()
    {
        GiveUpChange();
        foreach (var (key, source) in _sources)
        {
            Timers.Cancel(key);
            Context.Stop(source);
        }
    }

    private void OnTerminated(IActorRef stopped)
    {
        if (stopped.Equals(_accumulator) || stopped.Equals(_uplink))
        {
            _accumulator = stopped.Equals(_accumulator) ? null : _accumulator;
            _uplink = stopped.Equals(_uplink) ? null : _uplink;
            TearDown(null);
        }

        foreach (var key in _sources.Where(entry => entry.Value.Equals(stopped)).Select(entry => entry.Key).ToList())
        {
            _sources.Remove(key);
            _lastDue.Remove(key);
            Timers.Cancel(key);
            OnGone(key);
        }

        GoOnOnceStopped();
        GoOnWithChange();
    }

    private void GoOnOnceStopped()
    {
        if (_sources.Count > 0)
        {
            return;
        }

        if (_stopper is not null)
        {
            StoreOrStop(_stopper);
        }
        else if (_tearingDown && _accumulator is null && _uplink is null)
        {
            _tearingDown = false;
            if (_lostWhy is null)
            {
                Timers.StartSingleTimer(nameof(LoadDue), LoadDue.Instance, FirstRestart);
                return;
            }

            _spool.ReplaceAsync(_lostWhy).PipeTo(Self, success: _ => LoadDue.Instance, failure: e => new LoadFailed(e));
        }
    }

    // Sources are gone by now, so that nothing is read that cannot be stored.
    private void StoreOrStop(IActorRef stopper)
    {
        if (_accumulator is null || _tearingDown)
        {
            stopper.Tell(AgentStopped.Instance);
        }
        else
        {
            _accumulator.Tell(new StoreWindows());
        }
    }

    /// <summary>From the host: store what is open and stop; answered by <see cref="AgentStopped"/>.</summary>
    internal sealed class StopAgent : INoSerializationVerificationNeeded
    {
        internal static StopAgent Instance { get; } = new();
    }

    internal sealed class AgentStopped : INoSerializationVerificationNeeded
    {
        internal static AgentStopped Instance { get; } = new();
    }

    private sealed record SpoolLoaded(SpoolContents Contents) : INoSerializationVerificationNeeded;

    private sealed record LoadFailed(Exception Cause) : INoSerializationVerificationNeeded;

    private sealed record SourceDue(SourceSettings Source) : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout;

    private sealed class LoadDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        internal static LoadDue Instance { get; } = new();
    }
}
