using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Agent.Spool;

/// <summary>Making room. Only records that were never offered are touched: what was offered may be committed by now.</summary>
internal sealed partial class SpoolStore
{
    private const int MostCoalescedAtOnce = 720;

    /// <summary>
    /// Coalesces the oldest records into larger windows, a bounded number in one transaction. The new ones have new sequences;
    /// every request stays counted as spooled.
    /// </summary>
    /// <param name="wantedBytes">Room to make, roughly.</param>
    /// <param name="now">Corrected time.</param>
    /// <exception cref="SpoolDamagedException">A record cannot be read.</exception>
    internal RoomMade Coalesce(long wantedBytes, DateTimeOffset now)
    {
        var plan = CoalescePlan.Of(Waiting(), wantedBytes, now.ToUnixTimeSeconds(), MostCoalescedAtOnce);
        if (plan.Count == 0)
        {
            return new RoomMade(Status, [], 0, 0);
        }

        using var transaction = _connection.BeginTransaction();
        var made = new List<SpooledRecord>();
        var (seq, pointsLeftOut, gone) = (_meta.NextSeq, 0, 0);
        foreach (var group in plan)
        {
            var merged = Merge(group);
            foreach (var sequence in group.Sequences)
            {
                Remove(sequence);
            }

            foreach (var (content, requests) in merged.Contents)
            {
                Insert(seq, offered: false, requests, content);
                made.Add(new SpooledRecord((ulong)seq, IsLive: false));
                seq++;
            }

            pointsLeftOut += merged.PointsLeftOut;
            gone += group.Sequences.Count;
        }

        SaveLedger(
            _meta.Ledger with
            {
                NodePointsCoalesced = _meta.Ledger.NodePointsCoalesced + pointsLeftOut,
                RecordsCoalesced = _meta.Ledger.RecordsCoalesced + gone,
            },
            seq,
            transaction);
        _records += made.Count - gone;
        return new RoomMade(Status, made, gone, 0);
    }

    /// <summary>
    /// The last resort: forgets the oldest records for good and counts their requests as dropped.
    /// </summary>
    /// <param name="wantedBytes">Of content, at least, where there is so much that was never offered.</param>
    internal RoomMade Drop(long wantedBytes)
    {
        var dropped = new List<long>();
        long bytes = 0;
        foreach (var record in Waiting())
        {
            if (bytes >= wantedBytes)
            {
                break;
            }

            dropped.Add(record.Seq);
            bytes += record.Bytes;
        }

        using var transaction = _connection.BeginTransaction();
        var requests = dropped.Sum(Remove);
        SaveLedger(
            _meta.Ledger with { Spooled = _meta.Ledger.Spooled - requests, DroppedSpoolFull = _meta.Ledger.DroppedSpoolFull + requests },
            _meta.NextSeq,
            transaction);
        _records -= dropped.Count;
        return new RoomMade(Status, [], dropped.Count, requests);
    }

    private IEnumerable<WaitingRecord> Waiting()
    {
        using var command = Command("SELECT seq, level, window_start, bytes FROM records WHERE offered = 0 ORDER BY window_start, seq");
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            yield return new WaitingRecord(reader.GetInt64(0), (WindowLevel)reader.GetInt64(1), reader.GetInt64(2), reader.GetInt32(3));
        }
    }

    private IEnumerable<long> SizesOf(IEnumerable<SpooledRecord> records) =>
        records.Select(record => Count("SELECT bytes FROM records WHERE seq = $seq", ("$seq", (long)record.Seq)));

    private MergedRecords Merge(CoalesceGroup group)
    {
        try
        {
            return RecordMerge.Of(group.Level, group.Start, group.Sequences.Select(ContentOf));
        }
        catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException or ArgumentException)
        {
            throw new SpoolDamagedException($"a record cannot be read: {e.Message}");
        }
    }

    private RecordContent ContentOf(long seq) =>
        RecordContent.Parser.ParseFrom((byte[])Scalar("SELECT content FROM records WHERE seq = $seq", ("$seq", seq))!);

    // Returns its requests.
    private long Remove(long seq) =>
        Scalar("DELETE FROM records WHERE seq = $seq AND offered = 0 RETURNING requests", ("$seq", seq)) as long?
        ?? throw new InvalidOperationException($"record {seq} was offered, or is gone");

    private void Insert(long seq, bool offered, long requests, RecordContent content)
    {
        var bytes = content.ToByteArray();
        Execute(
            "INSERT INTO records (seq, offered, requests, window_start, content, level, bytes) VALUES ($seq, $offered, $requests, $start, $content, $level, $bytes)",
            ("$seq", seq),
            ("$offered", offered),
            ("$requests", requests),
            ("$start", content.WindowStart),
            ("$content", bytes),
            ("$level", (long)content.Level),
            ("$bytes", (long)bytes.Length));
    }
}
