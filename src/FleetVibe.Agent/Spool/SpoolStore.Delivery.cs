using FleetVibe.Protocol.V1;
using Microsoft.Data.Sqlite;

namespace FleetVibe.Agent.Spool;

/// <summary>Records on their way out, and their acknowledgements.</summary>
internal sealed partial class SpoolStore
{
    /// <summary>Sequences that were offered and have no acknowledgement, ascending: they are sent again first.</summary>
    internal IReadOnlyList<ulong> OfferedSequences() => Sequences("SELECT seq FROM records WHERE offered = 1 ORDER BY seq");

    /// <summary>Records that were never offered, the oldest windows first: a coalesced one has a high sequence and an old window.</summary>
    internal IReadOnlyList<ulong> Backlog(int limit) =>
        Sequences("SELECT seq FROM records WHERE offered = 0 ORDER BY window_start, seq LIMIT $limit", ("$limit", limit));

    /// <summary>Marks records as offered, durably, and gives their content. From then on they are frozen.</summary>
    internal OfferedRecords Offer(IReadOnlyList<ulong> sequences)
    {
        var records = new List<(ulong Seq, RecordContent Content)>(sequences.Count);
        long highest = 0;
        using (var transaction = _connection.BeginTransaction())
        {
            foreach (var sequence in sequences)
            {
                using var command = Command("SELECT offered, content FROM records WHERE seq = $seq", ("$seq", (long)sequence));
                using var reader = command.ExecuteReader();
                if (!reader.Read())
                {
                    continue;
                }

                records.Add((sequence, RecordContent.Parser.ParseFrom((byte[])reader[1])));
                if (!reader.GetBoolean(0))
                {
                    Execute("UPDATE records SET offered = 1 WHERE seq = $seq", ("$seq", (long)sequence));
                    highest = Math.Max(highest, (long)sequence);
                }
            }

            if (highest > _meta.HighestOffered)
            {
                SpoolMeta.WriteHighestOffered(_connection, highest);
            }

            transaction.Commit();
            _meta.AcceptOffered(highest);
        }

        return new OfferedRecords(records, Floor());
    }

    /// <summary>
    /// Forgets acknowledged records and moves their requests in the ledger. A sequence that is not there, or was never
    /// offered, changes nothing.
    /// </summary>
    internal SpoolStatus Acknowledge(IReadOnlyList<SequenceRange> ranges, IReadOnlyList<RefusedPart> refused)
    {
        using var transaction = _connection.BeginTransaction();
        var refusals = refused.ToLookup(part => part.Seq);
        var ledger = _meta.Ledger;
        var gone = 0;
        long highest = 0;
        foreach (var range in ranges)
        {
            var acknowledged = Acknowledged(range);
            gone += acknowledged.Count;
            foreach (var (seq, requests) in acknowledged)
            {
                ledger = Move(ledger, requests, refusals[(ulong)seq]);
                if (requests > 0)
                {
                    // A record without any may never reach the commit log.
                    highest = Math.Max(highest, seq);
                }

                Execute("DELETE FROM records WHERE seq = $seq", ("$seq", seq));
            }

            var named = range.Last >= range.First ? Math.Min(range.Last - range.First + 1, int.MaxValue) : 0;
            ledger = ledger with { Duplicates = ledger.Duplicates + Math.Max(0, (long)named - acknowledged.Count) };
        }

        if (highest > _meta.HighestAcked)
        {
            SpoolMeta.WriteHighestAcked(_connection, highest);
        }

        SaveLedger(ledger, _meta.NextSeq, transaction);
        _meta.AcceptAcknowledged(highest);
        _records -= gone;
        return Status;
    }

    private static Ledger Move(Ledger ledger, long requests, IEnumerable<RefusedPart> refused)
    {
        var left = requests;
        foreach (var part in refused)
        {
            var share = (long)Math.Min(part.Requests, (ulong)left);
            left -= share;
            ledger = part.Fate switch
            {
                Fate.Late => ledger with { AckedLate = ledger.AckedLate + share },
                Fate.Future => ledger with { AckedFuture = ledger.AckedFuture + share },
                _ => ledger with { AckedUndecodable = ledger.AckedUndecodable + share },
            };
        }

        return ledger with { Spooled = ledger.Spooled - requests, AckedCommitted = ledger.AckedCommitted + left };
    }

    private List<(long Seq, long Requests)> Acknowledged(SequenceRange range)
    {
        var found = new List<(long Seq, long Requests)>();
        using var command = Command(
            "SELECT seq, requests FROM records WHERE seq BETWEEN $first AND $last AND offered = 1",
            ("$first", (long)Math.Min(range.First, long.MaxValue)),
            ("$last", (long)Math.Min(range.Last, long.MaxValue)));
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            found.Add((reader.GetInt64(0), reader.GetInt64(1)));
        }

        return found;
    }

    private List<ulong> Sequences(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var sequences = new List<ulong>();
        using var command = Command(sql, parameters);
        using SqliteDataReader reader = command.ExecuteReader();
        while (reader.Read())
        {
            sequences.Add((ulong)reader.GetInt64(0));
        }

        return sequences;
    }
}
