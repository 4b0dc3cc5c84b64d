using Akka.Actor;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>
/// Hands samples, events and the source's status to the accumulator, one report at a time. Not thread safe: it belongs to
/// one actor, as whose it speaks.
/// </summary>
/// <param name="freshFor">How long after a sample the source counts as up.</param>
internal sealed class GpuReporter(SourceSettings settings, IActorRef accumulator, IActorRef self, TimeProvider time, GpuWatch? watch, Func<TimeSpan> freshFor)
{
    // What is not folded by then is older than any window that still cares.
    private const int MaxPending = 1024;

    private readonly List<GpuSample> pending = [];
    private bool isAwaitingFold;
    private bool isStatusDue;
    private bool hasSampleSinceStatus;
    private long? lastSampleAt;
    private long skipped;

    /// <summary>Why no samples come; null where they do, or where that is not known yet.</summary>
    internal string? Failure { get; private set; }

    internal ErrorClass FailureClass { get; private set; } = ErrorClass.ToolFailed;

    internal void Ready() => accumulator.Tell(new SourceMessages.SourceReady(settings.Key), self);

    /// <summary>The accumulator knows nothing of what was under way.</summary>
    internal void Start(byte[]? checkpoint)
    {
        watch?.Restore(checkpoint);
        isAwaitingFold = false;
    }

    internal void Fail(string text, ErrorClass error = ErrorClass.ToolFailed) => (Failure, FailureClass) = (text, error);

    /// <summary>A sample was read: whatever failed is over.</summary>
    internal void Alive()
    {
        hasSampleSinceStatus = true;
        lastSampleAt = time.GetTimestamp();
        Failure = null;
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

    /// <summary>Null while the first sample is still waited for: unknown is neither up nor down.</summary>
    private CollectionStatus? TakeStatus()
    {
        var isFresh = hasSampleSinceStatus || (lastSampleAt is { } at && time.GetElapsedTime(at) < freshFor());
        if (!isFresh && Failure is null)
        {
            return null;
        }

        var isDown = Failure is not null && !hasSampleSinceStatus;
        var status = new CollectionStatus(time.GetUtcNow(), isDown ? FailureClass : null, isDown ? Failure! : "", TimeSpan.Zero, skipped, 0);
        hasSampleSinceStatus = false;
        skipped = 0;
        return status;
    }
}
