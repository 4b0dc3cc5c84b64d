using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Spool;

/// <summary>Where every counted request of this spool instance is. It changes only inside spool transactions.</summary>
internal sealed record Ledger
{
    internal long Seen { get; init; }

    internal long Open { get; init; }

    internal long Spooled { get; init; }

    internal long AckedCommitted { get; init; }

    internal long AckedLate { get; init; }

    internal long AckedFuture { get; init; }

    internal long AckedUndecodable { get; init; }

    /// <summary>Acknowledgements of records that were acknowledged before.</summary>
    internal long Duplicates { get; init; }

    internal long WideRequests { get; init; }

    /// <summary>Requests whose variant was beyond the limit of its log: they count under <c>other</c>.</summary>
    internal long OtherVariants { get; init; }

    internal long NodePointsSkipped { get; init; }

    internal long Reconnects { get; init; }

    /// <summary>Lost for good: the spool was full, nothing was left to coalesce, and engines could not wait any longer.</summary>
    internal long DroppedSpoolFull { get; init; }

    /// <summary>Points of windows that were coalesced into a larger one.</summary>
    internal long NodePointsCoalesced { get; init; }

    /// <summary>Records that became part of one of a larger window.</summary>
    internal long RecordsCoalesced { get; init; }

    internal bool AddsUp => Seen == Open + Spooled + AckedCommitted + AckedLate + AckedFuture + AckedUndecodable + DroppedSpoolFull;

    internal AgentLedger ToWire(SpoolStatus status) => new()
    {
        Seen = (ulong)Seen,
        Open = (ulong)Open,
        Spooled = (ulong)Spooled,
        AckedCommitted = (ulong)AckedCommitted,
        AckedLate = (ulong)AckedLate,
        AckedFuture = (ulong)AckedFuture,
        AckedUndecodable = (ulong)AckedUndecodable,
        Duplicates = (ulong)Duplicates,
        WideRequests = (ulong)WideRequests,
        NodePointsSkipped = (ulong)NodePointsSkipped,
        Reconnects = (ulong)Reconnects,
        DroppedSpoolFull = (ulong)DroppedSpoolFull,
        NodePointsCoalesced = (ulong)NodePointsCoalesced,
        RecordsCoalesced = (ulong)RecordsCoalesced,
        SpoolBytes = (ulong)status.UsedBytes,
        SpoolRecords = (ulong)status.Records,
        Instance = Google.Protobuf.ByteString.CopyFrom(status.Instance),
        ReplacesLostUnixMs = status.ReplacedLostAt?.ToUnixTimeMilliseconds() ?? 0,
    };
}

/// <summary>The spool after an operation.</summary>
/// <param name="Version">Rises with every change.</param>
/// <param name="Instance">16 random bytes of this file.</param>
/// <param name="NextSeq">Sequence of the next new record.</param>
/// <param name="Floor">Lowest unacknowledged sequence; <paramref name="NextSeq"/> where there is none.</param>
/// <param name="UsedBytes">Bytes of the file that hold something.</param>
/// <param name="Records">Unacknowledged records.</param>
/// <param name="HighestAcked">Highest acknowledged sequence of a record with requests; 0 where none was.</param>
internal sealed record SpoolStatus(long Version, byte[] Instance, ulong NextSeq, ulong Floor, Ledger Ledger, long UsedBytes, long Records, ulong HighestAcked = 0)
{
    /// <summary>The highest sequence that was ever offered, acknowledged or not; 0 before the first.</summary>
    internal ulong HighestOffered { get; init; }

    /// <summary>When it began in place of a lost one; null where it did not.</summary>
    internal DateTimeOffset? ReplacedLostAt { get; init; }
}

/// <summary>A record that a transaction made.</summary>
internal readonly record struct SpooledRecord(ulong Seq, bool IsLive);

/// <summary>What making room came to.</summary>
/// <param name="Records">New ones that others became.</param>
/// <param name="Gone">Records that are no more.</param>
/// <param name="Dropped">Requests that are lost for good.</param>
internal sealed record RoomMade(SpoolStatus Status, IReadOnlyList<SpooledRecord> Records, int Gone, long Dropped);

internal sealed record CommitResult(SpoolStatus Status, IReadOnlyList<SpooledRecord> Records);

/// <summary>Records that may leave: their offered mark is durable.</summary>
/// <param name="Floor">Lowest unacknowledged sequence of the spool.</param>
internal sealed record OfferedRecords(IReadOnlyList<(ulong Seq, RecordContent Content)> Records, ulong Floor);

/// <summary>What a start finds.</summary>
internal sealed record SpoolContents(
    IReadOnlyList<Accumulating.WindowPart> Open, IReadOnlyDictionary<string, byte[]> Checkpoints, SpoolStatus Status)
{
    /// <summary>Why a spool before this one was lost; null where none was, or where its event is stored.</summary>
    internal string? LostWhy { get; init; }

    /// <summary>The clock's correction at the last commit.</summary>
    internal TimeSpan ClockOffset { get; init; }
}

/// <summary>What the spool knows of one source.</summary>
/// <param name="IsFresh">It was first watched when the spool had just replaced a lost one.</param>
internal sealed record WatchedSource(DateTimeOffset WatchedSince, bool IsFresh);
