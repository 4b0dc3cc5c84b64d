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
    private readonly KernelSourceSettings settings;
    private readonly IKernelLog kernel;
    private readonly IActorRef accumulator;
    private readonly TimeProvider time;
    private readonly ILoggingAdapter log = Context.GetLogger();
    private KernelLogPosition? position;
    private bool isStarted;
    private bool isAwaitingFold;
    private bool isDue;
    private bool isFailing;

    public KernelActor(KernelSourceSettings settings, IKernelLog kernel, IActorRef accumulator, TimeProvider time)
    {
        this.settings = settings;
        this.kernel = kernel;
        this.accumulator = accumulator;
        this.time = time;
    }

    /// <param name="open">For each incarnation of the actor a log of its own.</param>
    internal static Props CreateProps(KernelSourceSettings settings, Func<IKernelLog> open, IActorRef accumulator, TimeProvider time) =>
        Props.Create(() => new KernelActor(settings, open(), accumulator, time));

    protected override void PreStart() => accumulator.Tell(new SourceReady(settings.Key));

    protected override void PostStop() => kernel.Dispose();

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case StartSource start:
                Restore(start.Checkpoint);
                isStarted = true;
                isAwaitingFold = false;
                break;
            case CollectDue:
                isDue = isStarted;
                ReportIfDue();
                break;
            case ReportFolded:
                isAwaitingFold = false;
                ReportIfDue();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Restore(byte[]? checkpoint)
    {
        position = null;
        try
        {
            if (checkpoint is not null && KernelLogCheckpoint.Parser.ParseFrom(checkpoint) is { Origin.Length: > 0 } stored)
            {
                position = new KernelLogPosition(stored.Origin, stored.Position);
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // As if there were none: the past of the log is not told.
        }
    }

    private void ReportIfDue()
    {
        if (!isDue || isAwaitingFold)
        {
            return;
        }

        var now = time.GetUtcNow();
        var read = kernel.Read(position, now);
        Tell(read.Problem);
        var report = new SourceReport(settings.Key)
        {
            Status = new CollectionStatus(now, read.Error, read.Problem ?? "", TimeSpan.Zero, 0, 0),
            Events = position is null ? [] : OomKill.EventsOf(read.Records),
        };
        if (read.Position is { } next && next != position)
        {
            position = next;
            report = report with { Checkpoint = new KernelLogCheckpoint { Origin = next.Origin, Position = next.Next }.ToByteArray() };
        }

        (isDue, isAwaitingFold) = (false, true);
        accumulator.Tell(report);
    }

    private void Tell(string? problem)
    {
        if (problem is not null && !isFailing)
        {
            log.Warning("{0}", problem);
        }
        else if (problem is null && isFailing)
        {
            log.Info("{0} can be read again", settings.KernelLog);
        }

        isFailing = problem is not null;
    }
}
