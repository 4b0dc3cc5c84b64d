using Akka.Actor;
using Akka.Event;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>
/// Hands samples, events and the source's status to the accumulator, one report at a time, and tells the log when samples
/// fail to come and when they come again. Not thread safe: it belongs to one actor, as whose it speaks.
/// </summary>
/// <param name="reader">What brings the samples, for the log.</param>
/// <param name="freshFor">How long after a sample the source counts as up.</param>
internal sealed class GpuReporter(
    SourceSettings settings, IActorRef accumulator, IActorRef self, TimeProvider time, GpuWatch? watch, ILoggingAdapter log, string reader, Func<TimeSpan> freshFor)
{
    // What is not folded by then is older than any window that still cares.
    private const int MaxPending = 1024;

    private readonly List<GpuSample> pending = [];
    private bool isAwaitingFold;
    private bool isStatusDue;
    private bool hasSampleSinceStatus;
    private long? lastSampleAt;
    private long skipped;

    // Why no samples come; null where they do, or where that is not known yet.
    private string? failure;
    private ErrorClass failureClass;
    private string? toldLogProblem;

    internal void Ready() => accumulator.Tell(new SourceMessages.SourceReady(settings.Key), self);

    /// <summary>The accumulator knows nothing of what was under way.</summary>
    internal void Start(byte[]? checkpoint)
    {
        watch?.Restore(checkpoint);
        isAwaitingFold = false;
    }

    internal void Fail(string text, ErrorClass error = ErrorClass.ToolFailed)
    {
        if (failure is null)
        {
            log.Warning("{Failure}", text);
        }

        (failure, failureClass) = (text, error);
    }

    /// <summary>A sample was read: whatever failed is over.</summary>
    internal void Alive()
    {
        hasSampleSinceStatus = true;
        lastSampleAt = time.GetTimestamp();
        if (failure is not null)
        {
            log.Info("{Reader} brings samples again", reader);
        }

        failure = null;
    }

    internal void Skip(long count) => skipped += count;

    internal void Add(IEnumerable<GpuSample> samples)
    {
        pending.AddRange(samples.Select(sample => watch?.Mark(sample) ?? sample));
        if (pending.Count > MaxPending)
        {
            skipped += pending.Count - MaxPending;
            pending.RemoveRange(0, pending.Count - MaxPending);
        }

        ReportIfDue();
    }

    internal void OnCollectDue(bool isStarted)
    {
        isStatusDue = isStarted;
        if (isStarted)
        {
            LookAtLog();
        }

        ReportIfDue();
    }

    internal void OnFolded()
    {
        isAwaitingFold = false;
        ReportIfDue();
    }

    internal void ReportIfDue()
    {
        if (isAwaitingFold)
        {
            return;
        }

        var status = isStatusDue ? TakeStatus() : null;
        isStatusDue &= status is null;
        var (events, checkpoint) = watch?.Take() ?? ([], null);
        if (status is null && pending.Count == 0 && events.Count == 0 && checkpoint is null)
        {
            return;
        }

        isAwaitingFold = true;
        accumulator.Tell(new SourceReport(settings.Key) { Gpus = [.. pending], Status = status, Events = events, Checkpoint = checkpoint }, self);
        pending.Clear();
    }

    private void LookAtLog()
    {
        watch?.LookAtLog(time.GetUtcNow());
        if (watch?.LogProblem is { } problem && toldLogProblem is null)
        {
            log.Info("{Problem}", problem);
        }

        toldLogProblem = watch?.LogProblem;
    }

    /// <summary>Null while the first sample is still waited for: unknown is neither up nor down.</summary>
    private CollectionStatus? TakeStatus()
    {
        var isFresh = hasSampleSinceStatus || (lastSampleAt is { } at && time.GetElapsedTime(at) < freshFor());
        if (!isFresh && failure is null)
        {
            return null;
        }

        var isDown = failure is not null && !hasSampleSinceStatus;
        var status = new CollectionStatus(time.GetUtcNow(), isDown ? failureClass : null, isDown ? failure! : "", TimeSpan.Zero, skipped, 0);
        hasSampleSinceStatus = false;
        skipped = 0;
        return status;
    }
}
