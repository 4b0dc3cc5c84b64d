namespace FleetVibe.Gateway.RollUps;

/// <summary>A dirty roll-up as it was read. <paramref name="Version"/> grows with each further mark.</summary>
internal readonly record struct RollUpMark(RollUpKey Key, long Version);

/// <summary>Which roll-ups must be made again. A mark is set in the transaction of the change that makes it necessary.</summary>
internal static class RollUpMarks
{
    /// <summary>Marks a roll-up; nothing where it lies below the horizon, for there it is sealed.</summary>
    internal static void Set(Database database, RollUpKey key, DateTimeOffset now)
    {
        if (key.Start < WindowTable.HorizonOf(database))
        {
            return;
        }

        var due = RollUpSchedule.DueAt(key.Level, now, RollUpTable.LastMade(database, key));
        database.Execute(
            """
            INSERT INTO roll_up_marks VALUES ($1, $2, $3, 1, $4)
            ON CONFLICT (series, start, level) DO UPDATE SET
              version = roll_up_marks.version + 1,
              due_ms = CASE WHEN excluded.due_ms < roll_up_marks.due_ms THEN excluded.due_ms ELSE roll_up_marks.due_ms END
            """,
            key.Series, (long)key.Level, key.Start, due.ToUnixTimeMilliseconds());
    }

    /// <summary>Marks the smallest roll-up that a committed window is a part of, or stands beside at its own level.</summary>
    internal static void SetForWindow(Database database, long series, WindowKey window, DateTimeOffset now)
    {
        var level = window.Level == WindowLevel._10S ? WindowLevel._1M : window.Level;
        Set(database, new RollUpKey(series, level, WindowLevels.StartOf(level, window.Start)), now);
    }

    internal static bool AnyDue(Database database, DateTimeOffset now) =>
        database.Number("SELECT 1 FROM roll_up_marks WHERE due_ms <= $1 LIMIT 1", now.ToUnixTimeMilliseconds()) is not null;

    /// <summary>Those that are due, the longest waiting first.</summary>
    internal static List<RollUpMark> Due(Database database, DateTimeOffset now, int most)
    {
        var marks = new List<RollUpMark>();
        using var rows = database.Query(
            "SELECT series, level, start, version FROM roll_up_marks WHERE due_ms <= $1 ORDER BY due_ms, level LIMIT $2",
            now.ToUnixTimeMilliseconds(), (long)most);
        while (rows.Read())
        {
            marks.Add(new RollUpMark(new RollUpKey(rows.GetInt64(0), (WindowLevel)rows.GetInt64(1), rows.GetInt64(2)), rows.GetInt64(3)));
        }

        return marks;
    }

    /// <summary>Whether a smaller roll-up inside this one is dirty.</summary>
    internal static bool AnyBelow(Database database, RollUpKey key) => database.Number(
        "SELECT 1 FROM roll_up_marks WHERE series = $1 AND start >= $2 AND start < $3 AND level < $4 LIMIT 1",
        key.Series, key.Start, key.End, (long)key.Level) is not null;

    /// <summary>Removes a mark, or has it wait for <paramref name="next"/>; neither where it was set again since it was read.</summary>
    internal static void Settle(Database database, RollUpMark mark, DateTimeOffset? next)
    {
        if (next is { } due)
        {
            database.Execute(
                "UPDATE roll_up_marks SET due_ms = $5 WHERE series = $1 AND level = $2 AND start = $3 AND version = $4",
                mark.Key.Series, (long)mark.Key.Level, mark.Key.Start, mark.Version, due.ToUnixTimeMilliseconds());
        }
        else
        {
            database.Execute(
                "DELETE FROM roll_up_marks WHERE series = $1 AND level = $2 AND start = $3 AND version = $4",
                mark.Key.Series, (long)mark.Key.Level, mark.Key.Start, mark.Version);
        }
    }

    /// <summary>Start of the oldest dirty roll-up; null where all are made.</summary>
    internal static long? Oldest(Database database) => database.Number("SELECT min(start) FROM roll_up_marks");

    /// <summary>A clock that was set back must not put a roll-up off for as long.</summary>
    internal static void HastenPutOff(Database database, DateTimeOffset now) => database.Execute(
        "UPDATE roll_up_marks SET due_ms = $1 WHERE due_ms > $2",
        now.ToUnixTimeMilliseconds(), (now + RollUpSchedule.LongestWait).ToUnixTimeMilliseconds());
}
