namespace FleetVibe.Gateway.Outbox;

/// <summary>One line of an attempt.</summary>
internal sealed record BatchLine(long Id, string Key, PointRevision Revision, string Line);

/// <summary>Lines that are on the wire together, durably noted before the first byte leaves.</summary>
/// <param name="ExpiresAt">Not a byte is written at or after it.</param>
/// <param name="Full">A limit ended it: there may be more.</param>
internal sealed record DeliveryBatch(long Attempt, DateTimeOffset ExpiresAt, IReadOnlyList<BatchLine> Lines, bool Full);

/// <summary>How much one attempt may carry.</summary>
/// <param name="Bytes">At least one line is taken, however long.</param>
internal readonly record struct BatchLimits(int Lines, int Bytes);

/// <summary>A revision that the receiver will not take.</summary>
internal sealed record Refusal(BatchLine Line, string Reason);

/// <summary>What an attempt came to.</summary>
internal enum AttemptEnd
{
    /// <summary>Answered with 204: the sent revisions are delivered.</summary>
    Delivered,

    /// <summary>Certainly not under way any more: its points may be sent again at once.</summary>
    Released,

    /// <summary>It may still arrive: its points wait for expiry and quiet time.</summary>
    Unknown,
}

/// <summary>The points that wait for delivery. Only the head of a point, its highest revision, is ever handed out.</summary>
internal interface IOutbox
{
    /// <summary>Whether a point is due that is in no attempt. <paramref name="except"/>: ids that do not count.</summary>
    Task<bool> HasDueAsync(IReadOnlyCollection<long> except);

    /// <summary>Takes due heads, those that wait longest first, into a durable attempt. Null where none is due.</summary>
    /// <param name="only">Take from these ids alone.</param>
    /// <param name="except">Never take these.</param>
    Task<DeliveryBatch?> BeginAttemptAsync(BatchLimits limits, DateTimeOffset expiresAt, IReadOnlyCollection<long>? only, IReadOnlyCollection<long> except);

    /// <summary>Ends an attempt; refused lines go to the dead letters, whatever the end of the rest.</summary>
    Task EndAttemptAsync(long attempt, AttemptEnd end, IReadOnlyList<Refusal> refused);

    /// <summary>Frees the points of attempts that expired before a moment, those of an earlier process too. Returns the attempts.</summary>
    Task<int> ReleaseExpiredAsync(DateTimeOffset expiredBefore);

    /// <summary>Has delivered heads of windows in [from, to) sent once more. Returns how many.</summary>
    Task<int> ReplayAsync(long from, long to);
}
