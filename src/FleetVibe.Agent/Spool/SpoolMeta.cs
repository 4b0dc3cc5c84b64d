using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;

namespace FleetVibe.Agent.Spool;

/// <summary>The spool's identity and counters, as they stand in the file.</summary>
internal sealed class SpoolMeta
{
    private SpoolMeta(byte[] instance, bool replacesLost, DateTimeOffset created)
    {
        Instance = instance;
        ReplacesLost = replacesLost;
        Created = created;
    }

    internal byte[] Instance { get; }

    /// <summary>Windows begun before <see cref="Created"/> may have points of the lost spool: theirs are not made again.</summary>
    internal bool ReplacesLost { get; }

    internal DateTimeOffset Created { get; }

    internal long NextSeq { get; private set; } = 1;

    /// <summary>The highest sequence that was ever offered, acknowledged or not; 0 before the first.</summary>
    internal long HighestOffered { get; private set; }

    internal Ledger Ledger { get; private set; } = new();

    /// <summary>Highest acknowledged sequence of a record with requests; it outlives the record.</summary>
    internal long HighestAcked { get; private set; }

    /// <summary>By which the node's clock was corrected last; zero in a spool of an earlier release.</summary>
    internal TimeSpan ClockOffset { get; private set; }

    /// <summary>Null where the file is new.</summary>
    /// <exception cref="SpoolDamagedException">A row is missing or makes no sense.</exception>
    internal static SpoolMeta? Load(SqliteConnection connection)
    {
        var rows = new Dictionary<string, object>();
        using (var command = connection.CreateCommand())
        {
            command.CommandText = "SELECT name, value FROM meta";
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                rows.Add(reader.GetString(0), reader.GetValue(1));
            }
        }

        if (rows.Count == 0)
        {
            return null;
        }

        long Number(string name) =>
            rows.TryGetValue(name, out var value) && value is long number ? number : throw new SpoolDamagedException($"its meta row {name} is missing");
        long NumberOrZero(string name) => rows.ContainsKey(name) ? Number(name) : 0; // a spool of an earlier release
        if (!rows.TryGetValue("instance", out var instance) || instance is not byte[] { Length: 16 } bytes)
        {
            throw new SpoolDamagedException("its meta row instance is missing");
        }

        var meta = new SpoolMeta(bytes, Number("replaces_lost") != 0, DateTimeOffset.FromUnixTimeMilliseconds(Number("created")));
        meta.Accept(
            new Ledger
            {
                Seen = Number("seen"),
                Open = Number("open"),
                Spooled = Number("spooled"),
                AckedCommitted = Number("acked_committed"),
                AckedLate = Number("acked_late"),
                AckedFuture = Number("acked_future"),
                AckedUndecodable = Number("acked_undecodable"),
                Duplicates = Number("duplicates"),
                WideRequests = Number("wide_requests"),
                OtherVariants = NumberOrZero("other_variants"),
                NodePointsSkipped = Number("node_points_skipped"),
                Reconnects = Number("reconnects"),
                DroppedSpoolFull = NumberOrZero("dropped_spool_full"),
                NodePointsCoalesced = NumberOrZero("node_points_coalesced"),
                RecordsCoalesced = NumberOrZero("records_coalesced"),
            },
            Number("next_seq"));
        meta.HighestAcked = rows.TryGetValue("highest_acked", out var acked) && acked is long highest ? highest : 0;
        meta.ClockOffset = new TimeSpan(NumberOrZero("clock_offset_ticks"));

        // A spool of an earlier release does not say: whatever it made may have been offered.
        meta.HighestOffered = rows.ContainsKey("highest_offered") ? Number("highest_offered") : meta.NextSeq - 1;
        return meta;
    }

    internal static SpoolMeta Create(SqliteConnection connection, bool replacesLost, DateTimeOffset now)
    {
        var meta = new SpoolMeta(RandomNumberGenerator.GetBytes(16), replacesLost, now);
        Put(connection, "instance", meta.Instance);
        Put(connection, "created", now.ToUnixTimeMilliseconds());
        Put(connection, "replaces_lost", replacesLost ? 1L : 0L);
        Write(connection, meta.Ledger, meta.NextSeq);
        WriteHighestOffered(connection, meta.HighestOffered);
        return meta;
    }

    internal static void Write(SqliteConnection connection, Ledger ledger, long nextSeq)
    {
        if (!ledger.AddsUp)
        {
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"the agent's ledger does not add up: {ledger}"));
        }

        Put(connection, "next_seq", nextSeq);
        Put(connection, "seen", ledger.Seen);
        Put(connection, "open", ledger.Open);
        Put(connection, "spooled", ledger.Spooled);
        Put(connection, "acked_committed", ledger.AckedCommitted);
        Put(connection, "acked_late", ledger.AckedLate);
        Put(connection, "acked_future", ledger.AckedFuture);
        Put(connection, "acked_undecodable", ledger.AckedUndecodable);
        Put(connection, "duplicates", ledger.Duplicates);
        Put(connection, "wide_requests", ledger.WideRequests);
        Put(connection, "other_variants", ledger.OtherVariants);
        Put(connection, "node_points_skipped", ledger.NodePointsSkipped);
        Put(connection, "reconnects", ledger.Reconnects);
        Put(connection, "dropped_spool_full", ledger.DroppedSpoolFull);
        Put(connection, "node_points_coalesced", ledger.NodePointsCoalesced);
        Put(connection, "records_coalesced", ledger.RecordsCoalesced);
    }

    internal static void WriteHighestAcked(SqliteConnection connection, long seq) => Put(connection, "highest_acked", seq);

    internal void AcceptAcknowledged(long seq) => HighestAcked = Math.Max(HighestAcked, seq);

    internal static void WriteClockOffset(SqliteConnection connection, TimeSpan offset) => Put(connection, "clock_offset_ticks", offset.Ticks);

    internal void AcceptClockOffset(TimeSpan offset) => ClockOffset = offset;

    internal static void WriteHighestOffered(SqliteConnection connection, long seq) => Put(connection, "highest_offered", seq);

    internal void AcceptOffered(long seq) => HighestOffered = Math.Max(HighestOffered, seq);

    internal void Accept(Ledger ledger, long nextSeq) => (Ledger, NextSeq) = (ledger, nextSeq);

    private static void Put(SqliteConnection connection, string name, object value)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "INSERT INTO meta (name, value) VALUES ($name, $value) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        command.Parameters.AddWithValue("$name", name);
        command.Parameters.AddWithValue("$value", value);
        command.ExecuteNonQuery();
    }
}
