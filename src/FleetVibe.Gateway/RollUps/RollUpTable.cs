using System.Text.Json;
using Google.Protobuf;

namespace FleetVibe.Gateway.RollUps;

/// <summary>The roll-ups as they were made last.</summary>
internal static class RollUpTable
{
    internal static CommittedWindow Find(Database database, RollUpKey key)
    {
        using var row = database.Query(
            $"SELECT {WindowTable.ContentColumns} FROM roll_ups WHERE series = $1 AND level = $2 AND start = $3", key.Series, (long)key.Level, key.Start);
        return row.Read() ? WindowTable.ContentOf(row) : CommittedWindow.None;
    }

    internal static DateTimeOffset? LastMade(Database database, RollUpKey key) =>
        database.Number("SELECT made_ms FROM roll_ups WHERE series = $1 AND level = $2 AND start = $3", key.Series, (long)key.Level, key.Start) is { } made
            ? DateTimeOffset.FromUnixTimeMilliseconds(made)
            : null;

    /// <summary>The current revisions of what is inside, and what is committed directly at the roll-up's own level.</summary>
    internal static List<CommittedWindow> PartsOf(Database database, RollUpKey key)
    {
        var parts = new List<CommittedWindow>();
        var inside = key.Level == WindowLevel._1M ? "windows" : "roll_ups";
        using (var rows = database.Query(
            $"SELECT {WindowTable.ContentColumns} FROM {inside} WHERE series = $1 AND level = $2 AND start >= $3 AND start < $4",
            key.Series, (long)key.Level - 1, key.Start, key.End))
        {
            while (rows.Read())
            {
                parts.Add(WindowTable.ContentOf(rows));
            }
        }

        if (WindowTable.Find(database, key.Series, key.Level, key.Start) is { Revision: > 0 } direct)
        {
            parts.Add(direct);
        }

        return parts;
    }

    internal static void Write(Database database, RollUpKey key, CommittedWindow rollUp, DateTimeOffset now) => database.Execute(
        """
        INSERT INTO roll_ups VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (series, level, start) DO UPDATE SET
          revision = excluded.revision, final = excluded.final, requests = excluded.requests, backfilled = excluded.backfilled,
          totals = excluded.totals, hosts = excluded.hosts, expected_hosts = excluded.expected_hosts, fields = excluded.fields, made_ms = excluded.made_ms
        """,
        key.Series, (long)key.Level, key.Start, rollUp.Revision, rollUp.Final ? 1L : 0L, (long)rollUp.Totals.Requests, (long)rollUp.Backfilled,
        rollUp.Totals.ToByteArray(), JsonSerializer.Serialize(rollUp.Hosts), JsonSerializer.Serialize(rollUp.ExpectedHosts), (long)rollUp.Fields,
        now.ToUnixTimeMilliseconds());

    /// <summary>Notes that it was made and did not change.</summary>
    internal static void Touch(Database database, RollUpKey key, DateTimeOffset now) => database.Execute(
        "UPDATE roll_ups SET made_ms = $4 WHERE series = $1 AND level = $2 AND start = $3",
        key.Series, (long)key.Level, key.Start, now.ToUnixTimeMilliseconds());

    /// <summary>Removes roll-ups that began before a moment. Returns how many.</summary>
    internal static int Prune(Database database, long before, int most) => database.Execute(
        "DELETE FROM roll_ups WHERE (series, level, start) IN (SELECT series, level, start FROM roll_ups WHERE start < $1 LIMIT $2)", before, (long)most);
}
