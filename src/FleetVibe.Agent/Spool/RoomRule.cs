namespace FleetVibe.Agent.Spool;

/// <summary>What a filling spool needs next.</summary>
internal enum RoomStep
{
    None,

    /// <summary>Merge the oldest never-offered records into larger windows.</summary>
    Coalesce,

    /// <summary>Forget the oldest never-offered records, counted.</summary>
    Drop,
}

/// <summary>
/// The order in which a filling spool gives way: from 80 % it coalesces; at the limit every source waits, a log where it
/// stands and an engine with its baseline; only when nothing is left to coalesce and an engine has waited for long is the
/// oldest dropped, for that engine's counters would die with it, uncounted. Pure.
/// </summary>
internal static class RoomRule
{
    /// <summary>How long an engine's counters are left where they are. A log waits for ever.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private const double CoalesceFrom = 0.8;
    private const double RoomAgain = 0.95;
    private const double DropTo = 0.99;

    internal static bool IsFull(bool wasFull, long used, long limit) => used >= (wasFull ? limit * RoomAgain : limit);

    /// <param name="used">Bytes of the spool that hold something.</param>
    /// <param name="limit">Where sources wait.</param>
    /// <param name="canCoalesce">False where the last look found nothing.</param>
    /// <param name="engineWaits">How long an engine has been held by the full spool; null where none is.</param>
    /// <returns>The step and the bytes that it should free.</returns>
    internal static (RoomStep Step, long Bytes) Next(long used, long limit, bool canCoalesce, TimeSpan? engineWaits) =>
        canCoalesce && used >= limit * CoalesceFrom ? (RoomStep.Coalesce, used - (long)(limit * CoalesceFrom))
        : !canCoalesce && used >= limit && engineWaits >= Patience ? (RoomStep.Drop, used - (long)(limit * DropTo))
        : (RoomStep.None, 0);
}
