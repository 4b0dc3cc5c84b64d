using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Spool;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;

namespace FleetVibe.Agent.Printing;

/// <summary>
/// Prints the spool a page at a time, and forgets a page only once it was written and flushed. It stands where the uplink stands
/// in an agent that reports: a slow reader is a slow aggregator.
/// </summary>
internal sealed class PointPrinterActor : UntypedActor, IWithTimers
{
    // At most 8 MiB of records in memory.
    private const int PageRecords = 32;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly IPointOutlet _outlet;
    private readonly SpoolWorker _spool;
    private readonly IActorRef _accumulator;
    private readonly TimeSpan _clockOffset;
    private readonly TimeProvider _time;
    private IActorRef? _stopper;
    private bool _working;
    private bool _more = true;
    private bool _failing;
    private bool _gone;

    public PointPrinterActor(IPointOutlet outlet, SpoolWorker spool, TimeSpan clockOffset, IActorRef accumulator, TimeProvider time)
    {
        _outlet = outlet;
        _spool = spool;
        _clockOffset = clockOffset;
        _accumulator = accumulator;
        _time = time;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    internal static Props CreateProps(IPointOutlet outlet, SpoolWorker spool, TimeSpan clockOffset, IActorRef accumulator, TimeProvider time) =>
        Props.Create(() => new PointPrinterActor(outlet, spool, clockOffset, accumulator, time));

    protected override void PreStart()
    {
        _accumulator.Tell(new AccumulatorActor.AttachUplink(Self));

        // Nobody will tell this node the time.
        _accumulator.Tell(new SetClockOffset(_clockOffset));
        GoOn();
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case RecordsSpooled:
                _more = true;
                GoOn();
                break;
            case PageRead read:
                Print(PrintedPage.Of(read.Records, _time.GetUtcNow() + _clockOffset));
                break;
            case PagePrinted printed:
                Forget(printed.Page);
                break;
            case PageForgotten forgotten:
                OnForgotten(forgotten.Status);
                break;
            case SpoolFailed failed:
                OnSpoolFailed(failed);
                break;
            case RetryDue retry:
                Retry(retry.Page);
                break;
            case OutletGone gone:
                _gone = true;
                _log.Warning("nobody reads the points any more ({0}): what is not printed stays in the spool", gone.Cause.Message);
                GoOn();
                break;
            case ChangeSettings:
                // Of what may change while it runs nothing concerns a printer.
                break;
            case PrintRest:
                _stopper = Sender;
                _more = true;
                GoOn();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void GoOn()
    {
        if (_gone || (!_working && !_more))
        {
            _stopper?.Tell(RestPrinted.Instance);
            _stopper = null;
        }
        else if (!_working)
        {
            _working = true;
            _more = false;
            ReadPage();
        }
    }

    // What an earlier process offered comes first: it may be printed already, and then once more, as it was.
    private void ReadPage() =>
        _spool.RunAsync(store => store.Offer(store.OfferedSequences() is { Count: > 0 } offered ? [.. offered.Take(PageRecords)] : store.Backlog(PageRecords)))
            .PipeTo(Self, success: records => new PageRead(records), failure: e => new SpoolFailed(e, null));

    private void Print(PrintedPage page)
    {
        if (page.Sequences.Count == 0)
        {
            _working = false;
            GoOn();
            return;
        }

        _more = true;
        _outlet.WriteAsync(page.Lines).PipeTo(Self, success: () => new PagePrinted(page), failure: e => new OutletGone(e));
    }

    private void Forget(PrintedPage page) =>
        _spool.RunAsync(store => store.Acknowledge(page.Sequences, page.Refused))
            .PipeTo(Self, success: status => new PageForgotten(status), failure: e => new SpoolFailed(e, page));

    private void OnForgotten(SpoolStatus status)
    {
        _working = _failing = false;
        _accumulator.Tell(new SpoolChanged(status));
        GoOn();
    }

    private void OnSpoolFailed(SpoolFailed failed)
    {
        if (!_failing)
        {
            _failing = true;
            _log.Error("the spool cannot be used ({0}): points wait in it until it can", failed.Cause.Message);
        }

        Timers.StartSingleTimer(nameof(RetryDue), new RetryDue(failed.Page), RetryInterval);
    }

    // A page that was printed is not printed again by this process.
    private void Retry(PrintedPage? printed)
    {
        if (printed is null)
        {
            ReadPage();
        }
        else
        {
            Forget(printed);
        }
    }

    /// <summary>From the agent, once the last window is spooled; answered by <see cref="RestPrinted"/>.</summary>
    internal sealed class PrintRest : INoSerializationVerificationNeeded
    {
        internal static PrintRest Instance { get; } = new();
    }

    internal sealed class RestPrinted : INoSerializationVerificationNeeded
    {
        internal static RestPrinted Instance { get; } = new();
    }

    private sealed record PageRead(OfferedRecords Records) : INoSerializationVerificationNeeded;

    private sealed record PagePrinted(PrintedPage Page) : INoSerializationVerificationNeeded;

    private sealed record PageForgotten(SpoolStatus Status) : INoSerializationVerificationNeeded;

    private sealed record SpoolFailed(Exception Cause, PrintedPage? Page) : INoSerializationVerificationNeeded;

    private sealed record OutletGone(Exception Cause) : INoSerializationVerificationNeeded;

    private sealed record RetryDue(PrintedPage? Page) : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout;
}
