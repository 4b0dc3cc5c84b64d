using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Spool.V1;
using Google.Protobuf;
using static FleetVibe.Agent.Sources.SourceMessages;

namespace FleetVibe.Agent.Sources.Kernel;

/// <summary>
/// Tells which processes the kernel killed for want of memory. Its place in the log is the checkpoint, so that a restart tells
/// nothing twice; what stood there before the first look is not told.
/// </summary>
internal sealed class KernelActor : UntypedActor
{
    private readonly KernelSourceSettings _settings;
    private readonly IKernelLog _kernel;
    private readonly IActorRef _accumulator;
    private readonly TimeProvider _time;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private KernelLogPosition? _position;
    private bool _isStarted;
    private bool _isAwaitingFold;
    private bool _isDue;
    private bool _isFailing;

    public KernelActor(KernelSourceSettings settings, IKernelLog kernel, IActorRef accumulator, TimeProvider time)
    {
        _settings = settings;
        _kernel = kernel;
        _accumulator = accumulator;
        _time = time;
    }

    /// <param name="open">For each incarnation of the actor a log of its own.</param>
    internal static Props CreateProps(KernelSourceSettings settings, Func<IKernelLog> open, IActorRef accumulator, TimeProvider time) =>
        Props.Create(() => new KernelActor(settings, open(), accumulator, time));

    protected override void PreStart() => _accumulator.Tell(new SourceReady(_settings.Key));

    protected override void PostStop() => _kernel.Dispose();

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case StartSource start:
                Restore(start.Checkpoint);
                _isStarted = true;
                _isAwaitingFold = false;
                break;
            case CollectDue:
                _isDue = _isStarted;
                ReportIfDue();
                break;
            case ReportFolded:
                _isAwaitingFold = false;
                ReportIfDue();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Restore(byte[]? checkpoint)
    {
        _position = null;
        try
        {
            if (checkpoint is not null && KernelLogCheckpoint.Parser.ParseFrom(checkpoint) is { Origin.Length: > 0 } stored)
            {
                _position = new KernelLogPosition(stored.Origin, stored.Position);
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // As if there were none: the past of the log is not told.
        }
    }

    private void ReportIfDue()
    {
        if (!_isDue || _isAwaitingFold)
        {
            return;
        }

        var now = _time.GetUtcNow();
        var read = _kernel.Read(_position, now);
        Tell(read.Problem);
        var report = new SourceReport(_settings.Key)
        {
            Status = new CollectionStatus(now, read.Error, read.Problem ?? "", TimeSpan.Zero, 0, 0),
            Events = _position is null ? [] : OomKill.EventsOf(read.Records),
        };
        if (read.Position is { } next && next != _position)
        {
            _position = next;
            report = report with { Checkpoint = new KernelLogCheckpoint { Origin = next.Origin, Position = next.Next }.ToByteArray() };
        }

        (_isDue, _isAwaitingFold) = (false, true);
        _accumulator.Tell(report);
    }

    private void Tell(string? problem)
    {
        if (problem is not null && !_isFailing)
        {
            _log.Warning("{0}", problem);
        }
        else if (problem is null && _isFailing)
        {
            _log.Info("{0} can be read again", _settings.KernelLog);
        }

        _isFailing = problem is not null;
    }
}
