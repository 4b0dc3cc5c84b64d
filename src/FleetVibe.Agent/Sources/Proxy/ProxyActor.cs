using System.Diagnostics.CodeAnalysis;
using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Sources.Http;
using static FleetVibe.Agent.Sources.SourceMessages;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>
/// Reports what a proxy measured, and looks once an interval whether its engine answers. While a report is not folded the
/// requests wait in the queue; the proxy itself never waits for any of this.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "an actor releases what it holds in PostStop")]
internal sealed class ProxyActor : UntypedActor, IWithTimers
{
    internal const int MostInReport = 5_000;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);

    private readonly ProxySourceSettings _settings;
    private readonly MeasuredQueue _queue;
    private readonly IActorRef _accumulator;
    private readonly ISourceClient _client;
    private readonly TimeProvider _time;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _stopped = new();
    private bool _isStarted;
    private bool _isAwaitingFold;
    private bool _isMoreThere;
    private long? _lookBegan;
    private EngineState _engine = new(null, "", false, []);
    private TimeSpan? _statusDue;

    // What was last told to the person who reads the log.
    private ErrorClass? _toldError;
    private bool _hasToldState;
    private bool _hasToldSkips;

    public ProxyActor(ProxySourceSettings settings, MeasuredQueue queue, IActorRef accumulator, SourceClientFactory createClient, TimeProvider time)
    {
        _settings = settings;
        _queue = queue;
        _accumulator = accumulator;
        _time = time;
        _client = createClient(EngineLook.At(settings), EngineLook.Wanted, time);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    internal static Props CreateProps(
        ProxySourceSettings settings, MeasuredQueue queue, IActorRef accumulator, SourceClientFactory createClient, TimeProvider time) =>
        Props.Create(() => new ProxyActor(settings, queue, accumulator, createClient, time));

    protected override void PreStart()
    {
        _accumulator.Tell(new SourceReady(_settings.Key));
        Timers.StartPeriodicTimer(nameof(PollDue), PollDue.Instance, Poll);
    }

    // What the requests that ended last have measured: nobody else can tell it.
    protected override void PostStop()
    {
        var batch = _queue.Take(int.MaxValue, withStatus: true);
        if (batch.Requests.Count > 0 || batch.Unmeasured.Count > 0)
        {
            _accumulator.Tell(ReportOf(batch, StatusOf(batch, TimeSpan.Zero)));
        }

        _stopped.Cancel();
        _stopped.Dispose();
        _client.Dispose();
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case StartSource start:
                _queue.Rewind(start.Checkpoint, start.SpoolIsFresh);
                _isStarted = true;
                _isAwaitingFold = false;
                Report();
                break;
            case CollectDue:
                Look();
                break;
            case EngineLooked looked:
                OnLooked(looked.Outcome);
                break;
            case PollDue:
                Report();
                break;
            case ReportFolded:
                _isAwaitingFold = false;
                if (_isMoreThere)
                {
                    Report();
                }

                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Look()
    {
        if (_lookBegan is null && _isStarted)
        {
            _lookBegan = _time.GetTimestamp();
            _client.FetchAsync(_stopped.Token).PipeTo(
                Self,
                success: outcome => new EngineLooked(outcome),
                failure: fault => new EngineLooked(FetchErrors.FromException(fault, _settings.Endpoint, _settings.CaFile)));
        }
    }

    private void OnLooked(FetchOutcome outcome)
    {
        _engine = EngineLook.Of(outcome);
        _statusDue = _time.GetElapsedTime(_lookBegan!.Value);
        _lookBegan = null;
        TellState();
        Report();
    }

    private void Report()
    {
        if (!_isStarted || _isAwaitingFold)
        {
            return;
        }

        var batch = _queue.Take(MostInReport, _statusDue is not null);
        _isMoreThere = batch.Requests.Count == MostInReport;
        if (batch.Requests.Count == 0 && _statusDue is null)
        {
            return;
        }

        var status = _statusDue is { } took ? StatusOf(batch, took) : null;
        _statusDue = null;
        _isAwaitingFold = true;
        _accumulator.Tell(ReportOf(batch, status));
    }

    private SourceReport ReportOf(MeasuredBatch batch, CollectionStatus? status) => new(_settings.Key)
    {
        Requests = batch.Requests,
        Gauges = [.. batch.InterTokenMs.Select(entry => new ModelGauges(entry.Key, _time.GetUtcNow()) { InterTokenMs = entry.Value })],
        Status = status,
        Checkpoint = batch.Checkpoint,
    };

    private CollectionStatus StatusOf(MeasuredBatch batch, TimeSpan took)
    {
        TellSkips(batch.Unmeasured);
        return new CollectionStatus(_time.GetUtcNow(), _engine.Error, _engine.Text, took, batch.Unmeasured.Values.Sum(), 0);
    }

    private void TellState()
    {
        if (_hasToldState && _engine.Error == _toldError)
        {
            return;
        }

        (_hasToldState, _toldError) = (true, _engine.Error);
        if (_engine.Error is null)
        {
            _log.Info("{0}: the engine answers", _settings.Target);
        }
        else
        {
            _log.Warning("{0}", _engine.Text);
        }
    }

    private void TellSkips(IReadOnlyDictionary<Unmeasured, long> unmeasured)
    {
        if (unmeasured.Count > 0 && !_hasToldSkips)
        {
            _log.Warning("{0}: requests were forwarded but not measured, or not in full: {1}", _settings.Target, UnmeasuredText.Of(unmeasured));
        }

        _hasToldSkips = unmeasured.Count > 0;
    }

    private sealed record EngineLooked(FetchOutcome Outcome) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed class PollDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        public static PollDue Instance { get; } = new();

        private PollDue()
        {
        }
    }
}
