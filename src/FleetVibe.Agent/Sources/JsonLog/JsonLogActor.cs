using System.Diagnostics.CodeAnalysis;
using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Sources.JsonLog.Formats;
using static FleetVibe.Agent.Sources.SourceMessages;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>
/// Follows one log, or those that match a pattern: polls, reports what is new, and reads on when the report was folded. While there is more, it
/// does not wait for the poll.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "an actor releases what it holds in PostStop")]
internal sealed class JsonLogActor : UntypedActor, IWithTimers
{
    private const string PollTimer = "poll";

    // So many bad lines and not one good one: this is the wrong file, or its fields are named wrongly.
    private const long UnreadableAfter = 10;

    // A server says much before its first request.
    private const long ForeignAfter = 1000;
    private static readonly TimeSpan RetryAfterFault = TimeSpan.FromSeconds(1);

    private readonly JsonLogSourceSettings _settings;
    private readonly IActorRef _accumulator;
    private readonly TimeProvider _time;
    private readonly Func<StartSource, ILogTailer> _open;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly SkipCounts _skipped = new();
    private readonly SkipCounts _skippedEver = new();

    private StartSource? _start;
    private ILogTailer? _tailer;
    private int _generation;
    private bool _isReading;
    private bool _isAwaitingFold;
    private bool _isMoreThere;
    private bool _isStatusDue;
    private bool _isStatusRead;

    // What happened since the last status.
    private ErrorClass? _error;
    private string _errorText = "";
    private TimeSpan _readTime;

    private bool _hasReadAny;
    private long _otherLinesEver;

    // What was last told to the person who reads the log.
    private string _toldState = "";
    private readonly HashSet<SkipReason> _toldSkips = [];

    public JsonLogActor(JsonLogSourceSettings settings, IActorRef accumulator, TimeProvider time, Func<StartSource, ILogTailer> open)
    {
        _settings = settings;
        _accumulator = accumulator;
        _time = time;
        _open = open;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    internal static Props CreateProps(JsonLogSourceSettings settings, IActorRef accumulator, TimeProvider time) =>
        CreateProps(settings, accumulator, time, start => LogPattern.IsPattern(settings.Path)
            ? new LogGroupTailer(settings, time, start.Checkpoint, start.SpoolIsFresh)
            : new LogTailer(settings, time, start.Checkpoint, start.SpoolIsFresh));

    /// <param name="open">A tailer that goes on where the start says.</param>
    internal static Props CreateProps(JsonLogSourceSettings settings, IActorRef accumulator, TimeProvider time, Func<StartSource, ILogTailer> open) =>
        Props.Create(() => new JsonLogActor(settings, accumulator, time, open));

    protected override void PreStart() => _accumulator.Tell(new SourceReady(_settings.Key));

    protected override void PostStop() => DropTailer();

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case StartSource started:
                Begin(started);
                break;
            case CollectDue:
                // It goes out with what a look at the log brings now.
                _isStatusDue = _start is not null;
                Read();
                break;
            case ReportFolded:
                OnFolded();
                break;
            case PollDue:
                Read();
                break;
            case PollCompleted completed when completed.Generation == _generation:
                OnRead(completed.Batch);
                break;
            case PollFailed failed when failed.Generation == _generation:
                OnFault(failed.Fault);
                break;
            case PollCompleted or PollFailed:
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Begin(StartSource started)
    {
        _start = started;
        _isAwaitingFold = false;
        OpenTailer();
        Read();
    }

    private void OpenTailer()
    {
        DropTailer();
        _generation++;
        _isReading = false;
        _tailer = _open(_start!);
    }

    private void DropTailer()
    {
        if (_tailer is { } old)
        {
            // A read may be under way, and disposing waits for it.
            _ = Task.Run(old.Dispose);
            _tailer = null;
        }
    }

    private void Read()
    {
        if (_tailer is not { } reading || _isReading || _isAwaitingFold)
        {
            return;
        }

        _isReading = true;
        _isStatusRead = _isStatusDue;
        var (self, current) = (Self, _generation);
        Task.Run(reading.Poll).PipeTo(
            self,
            success: batch => new PollCompleted(current, batch),
            failure: fault => new PollFailed(current, fault));
    }

    private void OnRead(LogBatch batch)
    {
        _isReading = false;
        _isMoreThere = batch.IsFull;
        (_error, _errorText) = (batch.Error, batch.ErrorText);
        _hasReadAny |= batch.Requests.Count > 0 || batch.Gauges.Count > 0;
        _otherLinesEver += batch.OtherLines;
        _readTime += batch.Duration;
        _skipped.Add(batch.Skipped);
        _skippedEver.Add(batch.Skipped);
        foreach (var note in batch.Notes)
        {
            _log.Info("{Note}", note);
        }

        if (_toldState.Length == 0)
        {
            TellState(batch.Error, batch.ErrorText);
        }

        if (batch.Requests.Count > 0 || batch.Gauges.Count > 0 || batch.Checkpoint is not null || _isStatusRead)
        {
            Report(new SourceReport(_settings.Key) { Requests = batch.Requests, Gauges = batch.Gauges, Checkpoint = batch.Checkpoint });
        }
        else if (_isStatusDue)
        {
            Read();
        }
        else
        {
            ReadLater();
        }
    }

    /// <summary>A fault of the code: the tailer may have gone further than its last report, so a new one starts where that left off.</summary>
    private void OnFault(Exception fault)
    {
        _log.Error(fault, "{Path}: reading failed; starting again at the last folded position", _settings.Path);
        OpenTailer();
        Timers.StartSingleTimer(PollTimer, PollDue.Instance, RetryAfterFault);
    }

    private void OnFolded()
    {
        if (!_isAwaitingFold)
        {
            return;
        }

        _isAwaitingFold = false;
        if (_isStatusDue || _isMoreThere)
        {
            Read();
        }
        else
        {
            ReadLater();
        }
    }

    private void ReadLater() => Timers.StartSingleTimer(PollTimer, PollDue.Instance, _settings.Poll);

    private void Report(SourceReport report)
    {
        // A status stands for a look that began after it was asked for: whoever asks knows that nothing older is unread.
        if (_isStatusRead)
        {
            _isStatusDue = _isStatusRead = false;
            report = report with { Status = TakeStatus() };
        }

        // A new tailer after a fault goes on from here: this source reads no further before it is folded.
        _start = report.Checkpoint is null ? _start : _start! with { Checkpoint = report.Checkpoint };
        _isAwaitingFold = true;
        _accumulator.Tell(report);
    }

    private CollectionStatus TakeStatus()
    {
        var (state, text) = (_error, _errorText);
        if (state is null && !_hasReadAny && _skippedEver.Total >= UnreadableAfter)
        {
            state = ErrorClass.WrongContent;
            text = $"{_settings.Path}: not one line could be read so far ({_skippedEver}); check the source's `path`, `format`, `fields` and `model`{TimeForms()}";
        }
        else if (state is null && !_hasReadAny && _otherLinesEver >= ForeignAfter)
        {
            state = ErrorClass.WrongContent;
            text = $"{_settings.Path}: none of {_otherLinesEver} lines is {LogFormats.Of(_settings.Format).Wanted}; check the source's `path` and `format` ({_settings.Format})";
        }

        TellState(state, text);
        TellSkips();
        var status = new CollectionStatus(_time.GetUtcNow(), state, text, _readTime, _skipped.Total, 0);
        _skipped.Clear();
        _readTime = TimeSpan.Zero;
        return status;
    }

    private string TimeForms() => _skippedEver[SkipReason.BadTimestamp] == 0 ? "" : $"; a timestamp must have one of the forms {LogTimestamp.KnownForms}";

    private void TellState(ErrorClass? newError, string text)
    {
        var state = newError?.ToString() ?? "Up";
        if (state == _toldState)
        {
            return;
        }

        _toldState = state;
        if (newError is null)
        {
            _log.Info("{Path}: being read", _settings.Path);
        }
        else
        {
            _log.Warning("{Text}", text);
        }
    }

    private void TellSkips()
    {
        if (_skipped.Total == 0)
        {
            _toldSkips.Clear();
            return;
        }

        var isNew = false;
        foreach (var reason in Enum.GetValues<SkipReason>().Where(reason => _skipped[reason] > 0))
        {
            isNew |= _toldSkips.Add(reason);
        }

        if (isNew)
        {
            _log.Warning("{Path}: lines were skipped and will be counted as such: {Skipped}", _settings.Path, _skipped.ToTextWithPlaces());
        }
    }

    private sealed record PollCompleted(int Generation, LogBatch Batch) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed record PollFailed(int Generation, Exception Fault) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed class PollDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        public static PollDue Instance { get; } = new();

        private PollDue()
        {
        }
    }
}
