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

    internal long NodePointsSkipped { get; init; }

    internal long Reconnects { get; init; }

    internal bool AddsUp => Seen == Open + Spooled + AckedCommitted + AckedLate + AckedFuture + AckedUndecodable;

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
        SpoolBytes = (ulong)status.UsedBytes,
        SpoolRecords = (ulong)status.Records,
    };
}

/// <summary>The spool after an operation.</summary>
/// <param name="Version">Rises with every change.</param>
/// <param name="Instance">16 random bytes of this file.</param>
/// <param name="NextSeq">Sequence of the next new record.</param>
/// <param name="Floor">Lowest unacknowledged sequence; <paramref name="NextSeq"/> where there is none.</param>
/// <param name="UsedBytes">Bytes of the file that hold something.</param>
/// <param name="Records">Unacknowledged records.</param>
internal sealed record SpoolStatus(long Version, byte[] Instance, ulong NextSeq, ulong Floor, Ledger Ledger, long UsedBytes, long Records)
{
    /// <summary>The highest sequence that was ever offered, acknowledged or not; 0 before the first.</summary>
    internal ulong HighestOffered { get; init; }
}

/// <summary>A record that a transaction made.</summary>
internal readonly record struct SpooledRecord(ulong Seq, bool IsLive);

internal sealed record CommitResult(SpoolStatus Status, IReadOnlyList<SpooledRecord> Records);

/// <summary>Records that may leave: their offered mark is durable.</summary>
/// <param name="Floor">Lowest unacknowledged sequence of the spool.</param>
internal sealed record OfferedRecords(IReadOnlyList<(ulong Seq, RecordContent Content)> Records, ulong Floor);

/// <summary>What a start finds.</summary>
internal sealed record SpoolContents(
    IReadOnlyList<Accumulating.WindowPart> Open, IReadOnlyDictionary<string, byte[]> Checkpoints, SpoolStatus Status);

/// <summary>What the spool knows of one source.</summary>
/// <param name="IsFresh">It was first watched when the spool had just replaced a lost one.</param>
internal sealed record WatchedSource(DateTimeOffset WatchedSince, bool IsFresh);
