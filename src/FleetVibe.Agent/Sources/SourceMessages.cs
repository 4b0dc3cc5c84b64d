using Akka.Actor;
using Akka.Event;

namespace FleetVibe.Agent.Sources;

/// <summary>
/// What a source actor and the accumulator say to each other. A source sends a <see cref="SourceReport"/> to the
/// accumulator and waits for <see cref="ReportFolded"/> before it reads on: that is its only back-pressure. A source may be taken out at
/// any time, so what is said to one that has stopped is no fault.
/// </summary>
public static class SourceMessages
{
    /// <summary>From a source to the accumulator, first thing and after every restart; answered by <see cref="StartSource"/>.</summary>
    public sealed record SourceReady(string SourceKey) : INoSerializationVerificationNeeded;

    /// <summary>To a source: the checkpoint of the last folded report, null where there is none. It starts the source.</summary>
    /// <param name="SpoolIsFresh">The spool is new because an older one was lost: logs start at their end, counters at a baseline.</param>
    /// <param name="WatchedSince">When this agent first watched this source, kept in the spool.</param>
    public sealed record StartSource(byte[]? Checkpoint, bool SpoolIsFresh, DateTimeOffset WatchedSince) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    /// <summary>To every source, once an interval: collect now, unless a collection is under way; a source that reads all the time reports its status.</summary>
    public sealed class CollectDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        public static CollectDue Instance { get; } = new();

        private CollectDue()
        {
        }
    }

    /// <summary>
    /// To a source that asked for it: its reports up to here are in the spool, whatever happens now.
    /// </summary>
    /// <param name="Checkpoint">Of the last of them that had one; null where none had.</param>
    public sealed record ReportStored(byte[]? Checkpoint) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    /// <summary>To a source: its report was folded.</summary>
    public sealed class ReportFolded : INoSerializationVerificationNeeded, IDeadLetterSuppression
    {
        public static ReportFolded Instance { get; } = new();

        private ReportFolded()
        {
        }
    }
}
