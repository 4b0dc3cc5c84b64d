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

    private readonly List<GpuSample> _pending = [];
    private bool _isAwaitingFold;
    private bool _isStatusDue;
    private bool _hasSampleSinceStatus;
    private long? _lastSampleAt;
    private long _skipped;

    // Why no samples come; null where they do, or where that is not known yet.
    private string? _failure;
    private ErrorClass _failureClass;
    private string? _toldLogProblem;

    internal void Ready() => accumulator.Tell(new SourceMessages.SourceReady(settings.Key), self);

    /// <summary>The accumulator knows nothing of what was under way.</summary>
    internal void Start(byte[]? checkpoint)
    {
        watch?.Restore(checkpoint);
        _isAwaitingFold = false;
    }

    internal void Fail(string text, ErrorClass error = ErrorClass.ToolFailed)
    {
        if (_failure is null)
        {
            log.Warning("{Failure}", text);
        }

        (_failure, _failureClass) = (text, error);
    }

    /// <summary>A sample was read: whatever failed is over.</summary>
    internal void Alive()
    {
        _hasSampleSinceStatus = true;
        _lastSampleAt = time.GetTimestamp();
        if (_failure is not null)
        {
            log.Info("{Reader} brings samples again", reader);
        }

        _failure = null;
    }

    internal void Skip(long count) => _skipped += count;

    internal void Add(IEnumerable<GpuSample> samples)
    {
        _pending.AddRange(samples.Select(sample => watch?.Mark(sample) ?? sample));
        if (_pending.Count > MaxPending)
        {
            _skipped += _pending.Count - MaxPending;
            _pending.RemoveRange(0, _pending.Count - MaxPending);
        }

        ReportIfDue();
    }

    internal void OnCollectDue(bool isStarted)
    {
        _isStatusDue = isStarted;
        if (isStarted)
        {
            LookAtLog();
        }

        ReportIfDue();
    }

    internal void OnFolded()
    {
        _isAwaitingFold = false;
        ReportIfDue();
    }

    internal void ReportIfDue()
    {
        if (_isAwaitingFold)
        {
            return;
        }

        var status = _isStatusDue ? TakeStatus() : null;
        _isStatusDue &= status is null;
        var (events, checkpoint) = watch?.Take() ?? ([], null);
        if (status is null && _pending.Count == 0 && events.Count == 0 && checkpoint is null)
        {
            return;
        }

        _isAwaitingFold = true;
        accumulator.Tell(new SourceReport(settings.Key) { Gpus = [.. _pending], Status = status, Events = events, Checkpoint = checkpoint }, self);
        _pending.Clear();
    }

    private void LookAtLog()
    {
        watch?.LookAtLog(time.GetUtcNow());
        if (watch?.LogProblem is { } problem && _toldLogProblem is null)
        {
            log.Info("{Problem}", problem);
        }

        _toldLogProblem = watch?.LogProblem;
    }

    /// <summary>Null while the first sample is still waited for: unknown is neither up nor down.</summary>
    private CollectionStatus? TakeStatus()
    {
        var isFresh = _hasSampleSinceStatus || (_lastSampleAt is { } at && time.GetElapsedTime(at) < freshFor());
        if (!isFresh && _failure is null)
        {
            return null;
        }

        var isDown = _failure is not null && !_hasSampleSinceStatus;
        var status = new CollectionStatus(time.GetUtcNow(), isDown ? _failureClass : null, isDown ? _failure! : "", TimeSpan.Zero, _skipped, 0);
        _hasSampleSinceStatus = false;
        _skipped = 0;
        return status;
    }
}
