namespace FleetVibe.Gateway.Store;

/// <summary>One fate for a record's part, the first one written.</summary>
internal static class FateTable
{
    internal static (Fate Fate, long ContentHash)? Find(Database database, long instance, ulong seq, long series)
    {
        using var row = database.Query(
            "SELECT fate, content_hash FROM fates WHERE instance = $1 AND seq = $2 AND series = $3", instance, (long)seq, series);
        return row.Read() ? ((Fate)row.GetInt64(0), row.GetInt64(1)) : null;
    }

    internal static PartStanding StandingOf(Database database, InstanceRow instance, long series, Contributor part) =>
        Find(database, instance.Id, part.Record.Seq, series) is { } settled
            ? settled.ContentHash == unchecked((long)part.ContentHash) ? PartStanding.Settled : PartStanding.OtherContent
            : (long)part.Record.Seq < instance.Floor ? PartStanding.BelowFloor : PartStanding.New;

    /// <summary>Gives a part its fate and counts its requests.</summary>
    internal static void Add(Database database, InstanceRow instance, long series, WindowKey key, Contributor part, Fate fate)
    {
        database.Execute(
            "INSERT INTO fates VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            instance.Id, (long)part.Record.Seq, series, (long)key.Level, key.Start, (long)fate, (long)part.Requests, unchecked((long)part.ContentHash));
        CounterTable.AddRequests(database, instance, fate, part.Requests);
        InstanceTable.Raise(database, instance, floor: 0, part.Record.Seq);
    }

    /// <summary>Adds to a window's state the parts that have their fate in it, the refused ones too.</summary>
    internal static void AddPartsTo(Database database, WindowState state, long series)
    {
        using var rows = database.Query(
            """
            SELECT i.node, i.instance, f.seq, f.requests, f.content_hash, f.fate
            FROM fates f JOIN instances i ON i.id = f.instance
            WHERE f.series = $1 AND f.level = $2 AND f.start = $3
            ORDER BY f.instance, f.seq
            """,
            series, (long)state.Key.Level, state.Key.Start);
        while (rows.Read())
        {
            var record = new RecordId
            {
                Node = rows.GetString(0),
                Instance = Google.Protobuf.ByteString.CopyFrom(rows.GetFieldValue<byte[]>(1)),
                Seq = (ulong)rows.GetInt64(2),
            };
            var hash = unchecked((ulong)rows.GetInt64(4));
            if ((Fate)rows.GetInt64(5) is var fate and not Fate.Committed)
            {
                state.Refused.Add(new SettledPart { Record = record, Fate = fate, ContentHash = hash, Requests = (ulong)rows.GetInt64(3) });
            }
            else
            {
                state.Contributors.Add(new Contributor { Record = record, Requests = (ulong)rows.GetInt64(3), ContentHash = hash });
            }
        }
    }

    /// <summary>
    /// Removes fates of windows that began before a moment and have no revision since, only below the floor of their instance.
    /// Returns how many.
    /// </summary>
    internal static int Prune(Database database, DateTimeOffset before, int most) => database.Execute(
        """
        DELETE FROM fates WHERE (instance, seq, series) IN (
          SELECT f.instance, f.seq, f.series FROM instances i JOIN fates f ON f.instance = i.id AND f.seq < i.floor
          WHERE f.start < $1 AND NOT EXISTS (
            SELECT 1 FROM revisions r WHERE r.start = f.start AND r.series = f.series AND r.level = f.level AND r.at_ms >= $2)
          LIMIT $3)
        """,
        before.ToUnixTimeSeconds(), before.ToUnixTimeMilliseconds(), (long)most);
}
