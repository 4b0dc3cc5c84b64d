using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Http;

/// <summary>
/// Collects a polled source when it is told to, one collection at a time, and counts a report as done only when the
/// accumulator has folded it. Decides nothing: see <see cref="Collection"/> and the adapters.
/// </summary>
internal sealed class PolledSourceActor : UntypedActor, IWithTimers
{
    /// <summary>After this long without an answer the accumulator is asked again where this source stands.</summary>
    internal static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(60);

    private readonly string _key;
    private readonly IPolledAdapter _adapter;
    private readonly ISourceClient _client;
    private readonly IActorRef _accumulator;
    private readonly TimeProvider _time;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private Phase _phase = Phase.WaitingForStart;
    private CounterState? _counted;
    private CounterState? _reported;
    private ErrorClass? _lastError;

    public PolledSourceActor(
        HttpSourceSettings settings, IPolledAdapter adapter, SourceClientFactory createClient, IActorRef accumulator, TimeProvider time)
    {
        _key = settings.Key;
        _adapter = adapter;
        _client = createClient(settings, adapter.Wanted, time);
        _accumulator = accumulator;
        _time = time;
    }

    internal static Props CreateProps(
        HttpSourceSettings settings, IPolledAdapter adapter, IActorRef accumulator, TimeProvider time, SourceClientFactory? createClient) =>
        Props.Create(() => new PolledSourceActor(settings, adapter, createClient ?? SourceClient.Create, accumulator, time));

    private enum Phase
    {
        WaitingForStart,
        Idle,
        Collecting,
        WaitingForFold,
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => AskWhereWeStand();

    // It ends a request that is under way.
    protected override void PostStop() => _client.Dispose();

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case SourceMessages.StartSource start:
                Start(start);
                break;
            case SourceMessages.CollectDue:
                Collect();
                break;
            case SourceMessages.ReportFolded:
                CountReportAsDone();
                break;
            case CollectionCompleted completed:
                Report(completed.Collection);
                break;
            case AnswerDue:
                AskWhereWeStand();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void AskWhereWeStand()
    {
        // The answer holds the checkpoint of the last folded report, so a report whose fate is unknown is settled by it.
        _phase = Phase.WaitingForStart;
        _accumulator.Tell(new SourceMessages.SourceReady(_key));
        Timers.StartSingleTimer(AnswerDue.Instance, AnswerDue.Instance, AnswerTimeout);
    }

    private void Start(SourceMessages.StartSource start)
    {
        if (_phase != Phase.WaitingForStart)
        {
            return;
        }

        Timers.Cancel(AnswerDue.Instance);
        _counted = CounterState.Load(start.Checkpoint, _adapter.Origin, start.WatchedSince, start.SpoolIsFresh, _time.GetUtcNow());
        _phase = Phase.Idle;
    }

    private void Collect()
    {
        if (_phase != Phase.Idle)
        {
            return;
        }

        _phase = Phase.Collecting;
        Collection.RunAsync(_key, _client, _adapter, _counted!, _time, CancellationToken.None)
            .PipeTo(Self, success: collection => new CollectionCompleted(collection));
    }

    private void Report(Collection collection)
    {
        LogChange(collection.Report.Status!);
        _reported = collection.State;
        _phase = Phase.WaitingForFold;
        _accumulator.Tell(collection.Report);
        Timers.StartSingleTimer(AnswerDue.Instance, AnswerDue.Instance, AnswerTimeout);
    }

    private void CountReportAsDone()
    {
        if (_phase != Phase.WaitingForFold)
        {
            return;
        }

        Timers.Cancel(AnswerDue.Instance);
        _counted = _reported;
        _phase = Phase.Idle;
    }

    private void LogChange(CollectionStatus status)
    {
        if (status.Error == _lastError)
        {
            return;
        }

        _lastError = status.Error;
        if (status.Error is { } error)
        {
            _log.Warning("Source {0} is down ({1}): {2}", _key, error, status.ErrorText);
        }
        else
        {
            _log.Info("Source {0} is up again", _key);
        }
    }

    private sealed record CollectionCompleted(Collection Collection) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed class AnswerDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        public static AnswerDue Instance { get; } = new();

        private AnswerDue()
        {
        }
    }
}
