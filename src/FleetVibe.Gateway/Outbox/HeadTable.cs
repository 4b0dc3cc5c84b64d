using System.Data.Common;

namespace FleetVibe.Gateway.Outbox;

/// <summary>One row a point: its highest revision. A lower one never takes its place.</summary>
internal static class HeadTable
{
    // A write transaction of a replay must not keep commits waiting.
    private const long ReplayPortionSeconds = 60;

    private const string HeadColumns = "id, revision_hi, revision_lo, state, attempt_hi, attempt_lo, attempt_replays";

    /// <summary>Makes a revision the head where it is higher. False, and nothing changed, where it is not.</summary>
    internal static bool Raise(Database database, PointLine point, PointRevision revision, DateTimeOffset now)
    {
        if (Find(database, point.Key) is not { } found)
        {
            database.Execute(
                "INSERT INTO heads (key, window_start, revision_hi, revision_lo, line, state, turn) VALUES ($1, $2, $3, $4, $5, 0, $6)",
                point.Key, point.WindowStart, revision.Hi, revision.Lo, point.Line, now.ToUnixTimeMilliseconds());
            CounterTable.AddPoints(database, PointCounts.OnRaise(null));
            return true;
        }

        if (revision.CompareTo(found.Head.Revision) <= 0)
        {
            return false;
        }

        // A point that waits keeps its turn, or one that changes often would never be sent.
        database.Execute(
            """
            UPDATE heads SET revision_hi = $2, revision_lo = $3, line = $4, replay = CASE WHEN replay = 2 THEN 2 ELSE 0 END,
              turn = CASE WHEN state = 0 AND attempt IS NULL THEN turn ELSE $5 END, state = 0
            WHERE id = $1
            """,
            found.Id, revision.Hi, revision.Lo, point.Line, now.ToUnixTimeMilliseconds());
        CounterTable.AddPoints(database, PointCounts.OnRaise(found.Head));
        return true;
    }

    internal static (long Id, Head Head)? Find(Database database, string key)
    {
        using var row = database.Query($"SELECT {HeadColumns} FROM heads WHERE key = $1", key);
        return row.Read() ? (row.GetInt64(0), HeadOf(row)) : null;
    }

    internal static List<(long Id, Head Head)> InAttempt(Database database, long attempt)
    {
        var heads = new List<(long, Head)>();
        using var rows = database.Query($"SELECT {HeadColumns} FROM heads WHERE attempt = $1", attempt);
        while (rows.Read())
        {
            heads.Add((rows.GetInt64(0), HeadOf(rows)));
        }

        return heads;
    }

    /// <summary>Points of an attempt that a sender, taken for dead, may have written meanwhile.</summary>
    internal static List<long> DisturbedIn(Database database, long attempt)
    {
        var ids = new List<long>();
        using var rows = database.Query("SELECT id FROM heads WHERE attempt = $1 AND replay = 2", attempt);
        while (rows.Read())
        {
            ids.Add(rows.GetInt64(0));
        }

        return ids;
    }

    /// <summary>Removes settled heads below the horizon: no revision of theirs is taken any more.</summary>
    internal static int Prune(Database database, long horizon, int most) => database.Execute(
        "DELETE FROM heads WHERE id IN (SELECT id FROM heads WHERE window_start < $1 AND attempt IS NULL AND NOT (state = 0 OR replay = 1) LIMIT $2)",
        horizon, (long)most);

    /// <summary>
    /// Clears the delivered marks of the first minute in [from, to) that holds points. Null where none is left; else how many, and
    /// where the next portion begins: by time, so that points that were sent meanwhile are not taken twice.
    /// </summary>
    internal static (int Points, long Next)? Replay(Database database, long from, long to)
    {
        if (database.Number("SELECT min(window_start) FROM heads WHERE window_start >= $1 AND window_start < $2", from, to) is not { } first)
        {
            return null;
        }

        var next = Math.Min(first + ReplayPortionSeconds, to);
        return (database.Execute("UPDATE heads SET replay = 1 WHERE window_start >= $1 AND window_start < $2 AND state = 1 AND replay = 0", first, next), next);
    }

    private static Head HeadOf(DbDataReader row) => new(
        new PointRevision(row.GetInt64(1), row.GetInt64(2)),
        (HeadState)row.GetInt64(3),
        row.IsDBNull(4) ? null : new PointRevision(row.GetInt64(4), row.GetInt64(5)),
        !row.IsDBNull(6) && row.GetInt64(6) != 0);
}
