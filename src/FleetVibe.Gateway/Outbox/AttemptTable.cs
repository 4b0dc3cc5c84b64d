namespace FleetVibe.Gateway.Outbox;

/// <summary>Attempts stand in the file before their first byte leaves; a point is in at most one.</summary>
internal static class AttemptTable
{
    private static readonly TimeSpan LongestAttempt = TimeSpan.FromMinutes(10);

    private const string Due = "attempt IS NULL AND (state = 0 OR replay = 1)";

    internal static bool HasDue(Database database, IReadOnlyCollection<long> except) => database.Number(
        $"SELECT 1 FROM heads WHERE {Due} AND NOT {database.IsIn("id", 1)} LIMIT 1", database.ListOf(except)) is not null;

    internal static DeliveryBatch? Begin(
        Database database, BatchLimits limits, DateTimeOffset expiresAt, IReadOnlyCollection<long>? only, IReadOnlyCollection<long> except)
    {
        var lines = Select(database, limits, only, except, out var full);
        if (lines.Count == 0)
        {
            return null;
        }

        var attempt = database.Number(
            "INSERT INTO attempts (expires_at_ms, state) VALUES ($1, 0) RETURNING id", expiresAt.ToUnixTimeMilliseconds())!.Value;
        database.Execute(
            $"""
            UPDATE heads SET attempt = $2, attempt_hi = revision_hi, attempt_lo = revision_lo, attempt_replays = CASE WHEN state <> 0 THEN 1 ELSE 0 END
            WHERE {database.IsIn("id", 1)}
            """,
            database.ListOf([.. lines.Select(l => l.Id)]), attempt);
        return new DeliveryBatch(attempt, expiresAt, lines, full);
    }

    /// <param name="sent">Lines of the attempt. Where others took it for dead meanwhile, they may have arrived after higher revisions.</param>
    internal static void End(
        Database database, long attempt, IReadOnlyList<BatchLine> sent, AttemptEnd end, IReadOnlyList<Refusal> refused, DateTimeOffset now)
    {
        if (!Exists(database, attempt))
        {
            WriteBack(database, sent, now);
            return;
        }

        var disturbed = HeadTable.DisturbedIn(database, attempt);
        var refusedById = refused.ToDictionary(r => r.Line.Id);
        var change = default(PointCounts);
        var (delivered, deadLetters) = (new List<long>(), new List<long>());
        foreach (var (id, head) in HeadTable.InAttempt(database, attempt))
        {
            if (refusedById.TryGetValue(id, out var refusal))
            {
                change += PointCounts.OnDeadLetter(head);
                WriteDeadLetter(database, refusal, now);
                deadLetters.Add(id);
            }
            else if (end == AttemptEnd.Delivered)
            {
                change += PointCounts.OnDelivered(head);
                delivered.Add(id);
            }
            else if (end == AttemptEnd.Released)
            {
                change += PointCounts.OnReleased(head);
            }
        }

        CounterTable.AddPoints(database, change);
        Leave(database, delivered, HeadState.Delivered);
        Leave(database, deadLetters, HeadState.DeadLetter);
        if (end == AttemptEnd.Unknown)
        {
            database.Execute("UPDATE attempts SET state = 1 WHERE id = $1", attempt);
        }
        else
        {
            database.Execute("UPDATE heads SET attempt = NULL, attempt_hi = NULL, attempt_lo = NULL, attempt_replays = NULL WHERE attempt = $1", attempt);
            database.Execute("DELETE FROM attempts WHERE id = $1", attempt);
        }

        WaitOut(database, disturbed, now);
    }

    internal static bool Exists(Database database, long attempt) => database.Number("SELECT id FROM attempts WHERE id = $1", attempt) is not null;

    /// <summary>
    /// Lines of an attempt that was taken for dead may have been written after higher revisions of the same points: the heads
    /// go out once more, after the quiet time, or where another attempt has them after that one.
    /// </summary>
    internal static void WriteBack(Database database, IReadOnlyList<BatchLine> lines, DateTimeOffset now)
    {
        long[] ids = [.. lines.Select(l => l.Id)];
        database.Execute($"UPDATE heads SET replay = 2 WHERE {database.IsIn("id", 1)} AND attempt IS NOT NULL", database.ListOf(ids));
        WaitOut(database, ids, now);
    }

    internal static int ReleaseExpired(Database database, DateTimeOffset expiredBefore, DateTimeOffset now)
    {
        var expired = new List<long>();

        // One that expires far in the future was begun before the clock was set back.
        using (var rows = database.Query(
            "SELECT id FROM attempts WHERE expires_at_ms <= $1 OR expires_at_ms > $2",
            expiredBefore.ToUnixTimeMilliseconds(), (now + LongestAttempt).ToUnixTimeMilliseconds()))
        {
            while (rows.Read())
            {
                expired.Add(rows.GetInt64(0));
            }
        }

        foreach (var attempt in expired)
        {
            End(database, attempt, [], AttemptEnd.Released, [], now);
        }

        return expired.Count;
    }

    private static List<BatchLine> Select(
        Database database, BatchLimits limits, IReadOnlyCollection<long>? only, IReadOnlyCollection<long> except, out bool full)
    {
        full = false;
        var lines = new List<BatchLine>();
        var bytes = 0;
        using var rows = only is null
            ? database.Query(
                $"SELECT id, key, revision_hi, revision_lo, line FROM heads WHERE {Due} AND NOT {database.IsIn("id", 1)} ORDER BY turn LIMIT $2",
                database.ListOf(except), (long)limits.Lines)
            : database.Query(
                $"SELECT id, key, revision_hi, revision_lo, line FROM heads WHERE {Due} AND {database.IsIn("id", 1)} AND NOT {database.IsIn("id", 3)} ORDER BY turn LIMIT $2",
                database.ListOf(only), (long)limits.Lines, database.ListOf(except));
        while (rows.Read())
        {
            var line = rows.GetString(4);
            bytes += System.Text.Encoding.UTF8.GetByteCount(line) + 1;
            if (bytes > limits.Bytes && lines.Count > 0)
            {
                full = true;
                break;
            }

            lines.Add(new BatchLine(rows.GetInt64(0), rows.GetString(1), new PointRevision(rows.GetInt64(2), rows.GetInt64(3)), line));
        }

        full |= lines.Count >= limits.Lines;
        return lines;
    }

    // The mark goes to the revision that was sent, never to the row.
    private static void Leave(Database database, List<long> ids, HeadState state)
    {
        if (ids.Count == 0)
        {
            return;
        }

        database.Execute(
            $"""
            UPDATE heads SET
              delivered_hi = CASE WHEN $2 = 1 THEN attempt_hi ELSE delivered_hi END,
              delivered_lo = CASE WHEN $2 = 1 THEN attempt_lo ELSE delivered_lo END,
              state = CASE WHEN attempt_hi = revision_hi AND attempt_lo = revision_lo THEN $2 ELSE state END,
              replay = CASE WHEN attempt_hi = revision_hi AND attempt_lo = revision_lo AND replay = 1 THEN 0 ELSE replay END,
              attempt = NULL, attempt_hi = NULL, attempt_lo = NULL, attempt_replays = NULL
            WHERE {database.IsIn("id", 1)}
            """,
            database.ListOf(ids), (long)state);
    }

    // An attempt that sends nothing and is over now: its points are free when the quiet time has passed. No revision is on the
    // wire, so none is counted; a dead letter stays one.
    private static void WaitOut(Database database, IReadOnlyCollection<long> ids, DateTimeOffset now)
    {
        if (ids.Count == 0)
        {
            return;
        }

        var attempt = database.Number("INSERT INTO attempts (expires_at_ms, state) VALUES ($1, 1) RETURNING id", now.ToUnixTimeMilliseconds())!.Value;
        database.Execute(
            $"""
            UPDATE heads SET attempt = $2, attempt_replays = 1, replay = CASE WHEN state = 1 THEN 1 ELSE 0 END
            WHERE {database.IsIn("id", 1)} AND attempt IS NULL
            """,
            database.ListOf(ids), attempt);
    }

    private static void WriteDeadLetter(Database database, Refusal refusal, DateTimeOffset now) => database.Execute(
        "INSERT INTO dead_letters (key, revision_hi, revision_lo, line, reason, at_ms) VALUES ($1, $2, $3, $4, $5, $6)",
        refusal.Line.Key, refusal.Line.Revision.Hi, refusal.Line.Revision.Lo, refusal.Line.Line, refusal.Reason, now.ToUnixTimeMilliseconds());
}
