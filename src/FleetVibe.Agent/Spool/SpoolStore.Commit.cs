using FleetVibe.Agent.Accumulating;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Agent.Spool;

/// <summary>The transaction that turns what was folded into something durable.</summary>
internal sealed partial class SpoolStore
{
    private static readonly TimeSpan ClosedKept = TimeSpan.FromHours(1);

    // Longer than the gateway takes anything for a window, so that a window that is not listed never had a record.
    private static readonly TimeSpan ClosedListed = TimeSpan.FromDays(4);

    // Of time in which the agent ran without it: no step of the clock makes a source look forgotten.
    private static readonly TimeSpan AgeSourcesEvery = TimeSpan.FromHours(1);
    private const int UnusedKeptHours = 30 * 24;

    private DateTimeOffset? _sourcesAged;

    /// <summary>Writes a batch: records, open and closed windows, checkpoints and counters, or nothing at all.</summary>
    internal CommitResult Commit(SpoolBatch batch, WindowCloser closer)
    {
        using var transaction = _connection.BeginTransaction();
        var before = Status;
        var next = new Draft { NextSeq = _meta.NextSeq, OfferBudget = batch.OfferBudget };
        foreach (var start in batch.Moved)
        {
            Execute("DELETE FROM open_windows WHERE start = $start", ("$start", start));
        }

        foreach (var closing in batch.Closing)
        {
            Close(closing, batch, closer, before, next);
        }

        if (batch.Events.Count > 0)
        {
            var content = new RecordContent { Level = WindowLevel._10S, WindowStart = WindowClock.StartOf(batch.At), Points = { batch.Events } };
            Add(next, content, requests: 0, isLive: true);
        }

        foreach (var row in batch.Open)
        {
            Execute(
                "INSERT INTO open_windows (start, content) VALUES ($start, $content) ON CONFLICT (start) DO UPDATE SET content = excluded.content",
                ("$start", row.Start),
                ("$content", row.Content));
        }

        foreach (var (key, checkpoint) in batch.Checkpoints)
        {
            Execute(
                """
                INSERT INTO sources (key, watched_since, fresh, checkpoint) VALUES ($key, $now, 0, $checkpoint)
                ON CONFLICT (key) DO UPDATE SET checkpoint = excluded.checkpoint
                """,
                ("$key", key),
                ("$now", batch.At.ToUnixTimeMilliseconds()),
                ("$checkpoint", checkpoint));
        }

        foreach (var key in batch.Superseded)
        {
            Execute("UPDATE sources SET checkpoint = NULL, fresh = 1 WHERE key = $key", ("$key", key));
        }

        ForgetClosedWindows(batch.At);
        ForgetUnusedSources(batch);
        if (next.HighestOffered > _meta.HighestOffered)
        {
            SpoolMeta.WriteHighestOffered(_connection, next.HighestOffered);
        }

        if (batch.ClockOffset != _meta.ClockOffset)
        {
            SpoolMeta.WriteClockOffset(_connection, batch.ClockOffset);
        }

        var ledger = _meta.Ledger;
        SaveLedger(
            ledger with
            {
                Seen = ledger.Seen + batch.Seen,
                Open = batch.OpenRequests,
                Spooled = ledger.Spooled + next.Requests,
                WideRequests = ledger.WideRequests + batch.WideRequests,
                OtherVariants = ledger.OtherVariants + batch.OtherVariants,
                NodePointsSkipped = ledger.NodePointsSkipped + next.PointsSkipped,
            },
            next.NextSeq,
            transaction);
        _meta.AcceptOffered(next.HighestOffered);
        _meta.AcceptClockOffset(batch.ClockOffset);
        _records += next.Records.Count;
        LostWhy = batch.Events.Count > 0 ? null : LostWhy;
        _forecast.Note(batch.At, SizesOf(next.Records));
        return new CommitResult(Status, next.Records);
    }

    private void Close(ClosingWindow closing, SpoolBatch batch, WindowCloser closer, SpoolStatus status, Draft next)
    {
        var start = closing.Part.Start;
        var (state, before) = FindClosed(start, batch.At);
        var closed = closer.Close(closing, state, before, points => points.Self(start, status, _forecast));
        next.PointsSkipped += closed.PointsSkipped;
        foreach (var (content, requests) in closed.Contents)
        {
            Add(next, content, requests, closing.IsLive);
        }

        Execute("DELETE FROM open_windows WHERE start = $start", ("$start", start));
        if (state != ClosedState.Gone)
        {
            Execute(
                """
                INSERT INTO closed_windows (start, changed, content) VALUES ($start, $changed, $content)
                ON CONFLICT (start) DO UPDATE SET changed = excluded.changed, content = excluded.content
                """,
                ("$start", start),
                ("$changed", batch.At.ToUnixTimeSeconds()),
                ("$content", StoredWindowMapper.ToStored(closed.Whole).ToByteArray()));
        }
    }

    private void Add(Draft next, RecordContent content, long requests, bool isLive)
    {
        var offered = isLive && next.OfferBudget > 0;
        next.OfferBudget -= offered ? 1 : 0;
        next.HighestOffered = offered ? next.NextSeq : next.HighestOffered;
        Insert(next.NextSeq, offered, requests, content);
        next.Records.Add(new SpooledRecord((ulong)next.NextSeq, isLive));
        next.NextSeq++;
        next.Requests += requests;
    }

    private (ClosedState State, WindowPart? Before) FindClosed(long start, DateTimeOffset now)
    {
        var mayHoldPointsOfLostSpool = _meta.ReplacesLost && start < _meta.Created.ToUnixTimeSeconds();
        if (mayHoldPointsOfLostSpool || start < (now - ClosedListed).ToUnixTimeSeconds())
        {
            return (ClosedState.Gone, null);
        }

        using var command = Command("SELECT content FROM closed_windows WHERE start = $start", ("$start", start));
        using var reader = command.ExecuteReader();
        if (!reader.Read())
        {
            return (ClosedState.Never, null);
        }

        return reader.IsDBNull(0) ? (ClosedState.Gone, null) : (ClosedState.Kept, Parse((byte[])reader[0]));
    }

    private void ForgetClosedWindows(DateTimeOffset now)
    {
        // SQLite joins pages that a deletion leaves nearly empty, and never those of rows that shrink.
        foreach (var (start, changed) in TakeClosedBefore((now - ClosedKept).ToUnixTimeSeconds()))
        {
            Execute("INSERT INTO closed_windows (start, changed, content) VALUES ($start, $changed, NULL)", ("$start", start), ("$changed", changed));
        }

        Execute("DELETE FROM closed_windows WHERE start < $before", ("$before", (now - ClosedListed).ToUnixTimeSeconds()));
    }

    private List<(long Start, long Changed)> TakeClosedBefore(long before)
    {
        using var command = Command("DELETE FROM closed_windows WHERE content IS NOT NULL AND changed < $before RETURNING start, changed", ("$before", before));
        using var reader = command.ExecuteReader();
        var taken = new List<(long, long)>();
        while (reader.Read())
        {
            taken.Add((reader.GetInt64(0), reader.GetInt64(1)));
        }

        return taken;
    }

    // Found targets come and go, each with a name of its own.
    private void ForgetUnusedSources(SpoolBatch batch)
    {
        _sourcesAged ??= batch.At;
        if ((batch.At - _sourcesAged.Value).Duration() < AgeSourcesEvery)
        {
            return;
        }

        _sourcesAged = batch.At;
        Execute("UPDATE sources SET unused_hours = unused_hours + 1");
        foreach (var key in batch.Sources)
        {
            Execute("UPDATE sources SET unused_hours = 0 WHERE key = $key", ("$key", key));
        }

        Execute("DELETE FROM sources WHERE unused_hours > $hours", ("$hours", UnusedKeptHours));
    }

    private sealed class Draft
    {
        internal long NextSeq { get; set; }

        internal int OfferBudget { get; set; }

        internal long HighestOffered { get; set; }

        internal long Requests { get; set; }

        internal int PointsSkipped { get; set; }

        internal List<SpooledRecord> Records { get; } = [];
    }
}
