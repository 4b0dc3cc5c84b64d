using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Http;

/// <summary>
/// Collects a polled source when it is told to, one collection at a time, and counts a report as done only when the
/// accumulator has folded it. Decides nothing: see <see cref="Collection"/> and the adapters.
/// </summary>
internal sealed class PolledSourceActor : UntypedActor
{
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
    private string? _lastRecognised;
    private string _lastAside = "";
    private string _lastSkippedWhy = "";

    public PolledSourceActor(
        string key, IPolledAdapter adapter, Func<ISourceClient> createClient, IActorRef accumulator, TimeProvider time)
    {
        _key = key;
        _adapter = adapter;
        _client = createClient();
        _accumulator = accumulator;
        _time = time;
    }

    internal static Props CreateProps(
        HttpSourceSettings settings, IPolledAdapter adapter, IActorRef accumulator, TimeProvider time, SourceClientFactory? createClient) =>
        CreateProps(settings.Key, adapter, () => (createClient ?? SourceClient.Create)(settings, adapter.Wanted, time), accumulator, time);

    internal static Props CreateProps(
        string key, IPolledAdapter adapter, Func<ISourceClient> createClient, IActorRef accumulator, TimeProvider time) =>
        Props.Create(() => new PolledSourceActor(key, adapter, createClient, accumulator, time));

    private enum Phase
    {
        WaitingForStart,
        Idle,
        Collecting,
        WaitingForFold,
    }

    protected override void PreStart() => _accumulator.Tell(new SourceMessages.SourceReady(_key));

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
                Report(completed);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Start(SourceMessages.StartSource start)
    {
        if (_phase != Phase.WaitingForStart)
        {
            return;
        }

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
        var counted = _counted!;
        Collection.RunAsync(_key, _client, _adapter, counted, _time, CancellationToken.None)
            .PipeTo(Self, success: collection => new CollectionCompleted(collection, counted));
    }

    private void Report(CollectionCompleted completed)
    {
        // One that began before a restart says what was gained since a state that may be folded already.
        if (_phase != Phase.Collecting || !ReferenceEquals(completed.Since, _counted))
        {
            return;
        }

        var report = completed.Collection.Report;
        LogChange(report.Status!);
        LogRecognised(completed.Collection.Recognised);
        LogAside(completed.Collection.Aside);
        LogSkipped(completed.Collection.SkippedWhy, report.Status!.SamplesSkipped);
        _reported = completed.Collection.State;
        _phase = Phase.WaitingForFold;
        _accumulator.Tell(report);
    }

    private void CountReportAsDone()
    {
        if (_phase != Phase.WaitingForFold)
        {
            return;
        }

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

    private void LogRecognised(string? recognised)
    {
        if (recognised is not null && recognised != _lastRecognised)
        {
            _lastRecognised = recognised;
            _log.Info("Source {0} is {1}", _key, recognised);
        }
    }

    private void LogAside(string aside)
    {
        if (aside.Length > 0 && aside != _lastAside)
        {
            _log.Info("Source {0} says: {1}", _key, aside);
        }

        _lastAside = aside;
    }

    // Figures that change at every look are told once, not at every look.
    private void LogSkipped(string why, long count)
    {
        if (why.Length > 0 && _lastSkippedWhy.Length == 0)
        {
            _log.Warning("Source {0} skips and counts what cannot be used ({1} now): {2}", _key, count, why);
        }

        _lastSkippedWhy = why;
    }

    internal sealed record CollectionCompleted(Collection Collection, CounterState Since) : INoSerializationVerificationNeeded, IDeadLetterSuppression;
}
