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

    private readonly JsonLogSourceSettings settings;
    private readonly IActorRef accumulator;
    private readonly TimeProvider time;
    private readonly Func<StartSource, ILogTailer> open;
    private readonly ILoggingAdapter log = Context.GetLogger();
    private readonly SkipCounts skipped = new();
    private readonly SkipCounts skippedEver = new();

    private StartSource? start;
    private ILogTailer? tailer;
    private int generation;
    private bool isReading;
    private bool isAwaitingFold;
    private bool isMoreThere;
    private bool isStatusDue;
    private bool isStatusRead;

    // What happened since the last status.
    private ErrorClass? error;
    private string errorText = "";
    private TimeSpan readTime;

    private bool hasReadAny;
    private long otherLinesEver;

    // What was last told to the person who reads the log.
    private string toldState = "";
    private readonly HashSet<SkipReason> toldSkips = [];

    public JsonLogActor(JsonLogSourceSettings settings, IActorRef accumulator, TimeProvider time, Func<StartSource, ILogTailer> open)
    {
        this.settings = settings;
        this.accumulator = accumulator;
        this.time = time;
        this.open = open;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    internal static Props CreateProps(JsonLogSourceSettings settings, IActorRef accumulator, TimeProvider time) =>
        CreateProps(settings, accumulator, time, start => LogPattern.IsPattern(settings.Path)
            ? new LogGroupTailer(settings, time, start.Checkpoint, start.SpoolIsFresh)
            : new LogTailer(settings, time, start.Checkpoint, start.SpoolIsFresh));

    /// <param name="open">A tailer that goes on where the start says.</param>
    internal static Props CreateProps(JsonLogSourceSettings settings, IActorRef accumulator, TimeProvider time, Func<StartSource, ILogTailer> open) =>
        Props.Create(() => new JsonLogActor(settings, accumulator, time, open));

    protected override void PreStart() => accumulator.Tell(new SourceReady(settings.Key));

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
                isStatusDue = start is not null;
                Read();
                break;
            case ReportFolded:
                OnFolded();
                break;
            case PollDue:
                Read();
                break;
            case PollCompleted completed when completed.Generation == generation:
                OnRead(completed.Batch);
                break;
            case PollFailed failed when failed.Generation == generation:
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
        start = started;
        isAwaitingFold = false;
        OpenTailer();
        Read();
    }

    private void OpenTailer()
    {
        DropTailer();
        generation++;
        isReading = false;
        tailer = open(start!);
    }

    private void DropTailer()
    {
        if (tailer is { } old)
        {
            // A read may be under way, and disposing waits for it.
            _ = Task.Run(old.Dispose);
            tailer = null;
        }
    }

    private void Read()
    {
        if (tailer is not { } reading || isReading || isAwaitingFold)
        {
            return;
        }

        isReading = true;
        isStatusRead = isStatusDue;
        var (self, current) = (Self, generation);
        Task.Run(reading.Poll).PipeTo(
            self,
            success: batch => new PollCompleted(current, batch),
            failure: fault => new PollFailed(current, fault));
    }

    private void OnRead(LogBatch batch)
    {
        isReading = false;
        isMoreThere = batch.IsFull;
        (error, errorText) = (batch.Error, batch.ErrorText);
        hasReadAny |= batch.Requests.Count > 0 || batch.Gauges.Count > 0;
        otherLinesEver += batch.OtherLines;
        readTime += batch.Duration;
        skipped.Add(batch.Skipped);
        skippedEver.Add(batch.Skipped);
        foreach (var note in batch.Notes)
        {
            log.Info("{Note}", note);
        }

        if (toldState.Length == 0)
        {
            TellState(batch.Error, batch.ErrorText);
        }

        if (batch.Requests.Count > 0 || batch.Gauges.Count > 0 || batch.Checkpoint is not null || isStatusRead)
        {
            Report(new SourceReport(settings.Key) { Requests = batch.Requests, Gauges = batch.Gauges, Checkpoint = batch.Checkpoint });
        }
        else if (isStatusDue)
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
        log.Error(fault, "{Path}: reading failed; starting again at the last folded position", settings.Path);
        OpenTailer();
        Timers.StartSingleTimer(PollTimer, PollDue.Instance, RetryAfterFault);
    }

    private void OnFolded()
    {
        if (!isAwaitingFold)
        {
            return;
        }

        isAwaitingFold = false;
        if (isStatusDue || isMoreThere)
        {
            Read();
        }
        else
        {
            ReadLater();
        }
    }

    private void ReadLater() => Timers.StartSingleTimer(PollTimer, PollDue.Instance, settings.Poll);

    private void Report(SourceReport report)
    {
        // A status stands for a look that began after it was asked for: whoever asks knows that nothing older is unread.
        if (isStatusRead)
        {
            isStatusDue = isStatusRead = false;
            report = report with { Status = TakeStatus() };
        }

        // A new tailer after a fault goes on from here: this source reads no further before it is folded.
        start = report.Checkpoint is null ? start : start! with { Checkpoint = report.Checkpoint };
        isAwaitingFold = true;
        accumulator.Tell(report);
    }

    private CollectionStatus TakeStatus()
    {
        var (state, text) = (error, errorText);
        if (state is null && !hasReadAny && skippedEver.Total >= UnreadableAfter)
        {
            state = ErrorClass.WrongContent;
            text = $"{settings.Path}: not one line could be read so far ({skippedEver}); check the source's `path`, `format`, `fields` and `model`{TimeForms()}";
        }
        else if (state is null && !hasReadAny && otherLinesEver >= ForeignAfter)
        {
            state = ErrorClass.WrongContent;
            text = $"{settings.Path}: none of {otherLinesEver} lines is {LogFormats.Of(settings.Format).Wanted}; check the source's `path` and `format` ({settings.Format})";
        }

        TellState(state, text);
        TellSkips();
        var status = new CollectionStatus(time.GetUtcNow(), state, text, readTime, skipped.Total, 0);
        skipped.Clear();
        readTime = TimeSpan.Zero;
        return status;
    }

    private string TimeForms() => skippedEver[SkipReason.BadTimestamp] == 0 ? "" : $"; a timestamp must have one of the forms {LogTimestamp.KnownForms}";

    private void TellState(ErrorClass? newError, string text)
    {
        var state = newError?.ToString() ?? "Up";
        if (state == toldState)
        {
            return;
        }

        toldState = state;
        if (newError is null)
        {
            log.Info("{Path}: being read", settings.Path);
        }
        else
        {
            log.Warning("{Text}", text);
        }
    }

    private void TellSkips()
    {
        if (skipped.Total == 0)
        {
            toldSkips.Clear();
            return;
        }

        var isNew = false;
        foreach (var reason in Enum.GetValues<SkipReason>().Where(reason => skipped[reason] > 0))
        {
            isNew |= toldSkips.Add(reason);
        }

        if (isNew)
        {
            log.Warning("{Path}: lines were skipped and will be counted as such: {Skipped}", settings.Path, skipped.ToTextWithPlaces());
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
