namespace FleetVibe.Gateway.Outbox;

/// <summary>What became of a point's highest revision.</summary>
internal enum HeadState
{
    Queued = 0,
    Delivered = 1,
    DeadLetter = 2,
}

/// <summary>Revisions of one point compare by (Hi, Lo): (log generation, window revision) or (instance ordinal, sequence).</summary>
internal readonly record struct PointRevision(long Hi, long Lo) : IComparable<PointRevision>
{
    public int CompareTo(PointRevision other) => Hi != other.Hi ? Hi.CompareTo(other.Hi) : Lo.CompareTo(other.Lo);
}

/// <summary>A point's row as far as the points ledger needs it.</summary>
/// <param name="Attempted">The revision on the wire; null while none is.</param>
/// <param name="AttemptReplays">The revision on the wire was counted before: it is sent once more by a replay.</param>
internal readonly record struct Head(PointRevision Revision, HeadState State, PointRevision? Attempted, bool AttemptReplays);

/// <summary>
/// Changes of the points ledger, by revision: produced = queued + delivered + superseded + dead_lettered after each.
/// A revision on the wire stays queued, though a higher one took its place, until its attempt ends.
/// </summary>
internal readonly record struct PointCounts(long Produced, long Queued, long Delivered, long Superseded, long DeadLettered)
{
    public static PointCounts operator +(PointCounts left, PointCounts right) => new(
        left.Produced + right.Produced,
        left.Queued + right.Queued,
        left.Delivered + right.Delivered,
        left.Superseded + right.Superseded,
        left.DeadLettered + right.DeadLettered);

    internal static PointCounts Add(PointCounts left, PointCounts right) => left + right;

    /// <summary>A higher revision becomes the head. <paramref name="old"/> is null for a point's first.</summary>
    internal static PointCounts OnRaise(Head? old) => old is { State: HeadState.Queued } head && head.Attempted != head.Revision
        ? new PointCounts(1, 0, 0, 1, 0)
        : new PointCounts(1, 1, 0, 0, 0);

    /// <summary>The attempt ended with a 204.</summary>
    internal static PointCounts OnDelivered(Head head) =>
        head.AttemptReplays ? default : new PointCounts(0, -1, 1, 0, 0);

    /// <summary>The attempt ended without one; a revision that was overtaken meanwhile is never sent again.</summary>
    internal static PointCounts OnReleased(Head head) =>
        !head.AttemptReplays && head.Attempted is { } sent && sent.CompareTo(head.Revision) < 0 ? new PointCounts(0, -1, 0, 1, 0) : default;

    /// <summary>The attempted revision went to the dead letters.</summary>
    internal static PointCounts OnDeadLetter(Head head) =>
        head.AttemptReplays ? default : new PointCounts(0, -1, 0, 0, 1);
}
