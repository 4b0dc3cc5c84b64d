using FleetVibe.Protocol.Cluster;

namespace FleetVibe.Gateway.Store;

/// <summary>A spool instance as the log knows it.</summary>
internal sealed record InstanceRow(long Id, string Node, long Ordinal, long Floor, long HighestSeq);

/// <summary>Spool instances in the order in which each node brought them, and who holds the name.</summary>
internal static class InstanceTable
{
    internal static InstanceRow? Find(Database database, string node, ReadOnlySpan<byte> instance)
    {
        using var row = database.Query(
            "SELECT id, ordinal, floor, highest_seq FROM instances WHERE node = $1 AND instance = $2", node, instance.ToArray());
        return row.Read() ? new InstanceRow(row.GetInt64(0), node, row.GetInt64(1), row.GetInt64(2), row.GetInt64(3)) : null;
    }

    /// <summary>The instance, with the node's next ordinal at first sight.</summary>
    internal static InstanceRow FindOrAdd(Database database, string node, ReadOnlySpan<byte> instance)
    {
        if (Find(database, node, instance) is { } known)
        {
            return known;
        }

        database.Execute(
            "INSERT INTO instances (node, instance, ordinal, floor, highest_seq) SELECT $1, $2, coalesce(max(ordinal), 0) + 1, 0, 0 FROM instances WHERE node = $1",
            node, instance.ToArray());
        return Find(database, node, instance)!;
    }

    /// <summary>Raises what was seen of an instance; neither number ever falls.</summary>
    internal static void Raise(Database database, InstanceRow instance, ulong floor, ulong seq)
    {
        if ((long)floor > instance.Floor || (long)seq > instance.HighestSeq)
        {
            database.Execute(
                """
                UPDATE instances SET
                  floor = CASE WHEN floor < $2 THEN $2 ELSE floor END,
                  highest_seq = CASE WHEN highest_seq < $3 THEN $3 ELSE highest_seq END
                WHERE id = $1
                """,
                instance.Id, (long)floor, (long)seq);
        }
    }

    /// <summary>The floors of every instance of the given nodes.</summary>
    internal static IEnumerable<InstanceFloor> FloorsOf(Database database, IEnumerable<string> nodes)
    {
        var floors = new List<InstanceFloor>();
        foreach (var node in nodes)
        {
            using var rows = database.Query("SELECT instance, floor FROM instances WHERE node = $1 AND floor > 0 ORDER BY ordinal", node);
            while (rows.Read())
            {
                floors.Add(new InstanceFloor
                {
                    Node = node,
                    Instance = Google.Protobuf.ByteString.CopyFrom(rows.GetFieldValue<byte[]>(0)),
                    Floor = (ulong)rows.GetInt64(1),
                });
            }
        }

        return floors;
    }

    /// <summary>The instance that took the node's name last; null where none did.</summary>
    internal static long? HolderOf(Database database, string node) => database.Number("SELECT instance FROM leases WHERE node = $1", node);

    internal static AdmitInstanceReply Admit(Database database, AdmitInstanceRequest request, LogIdentity log, DateTimeOffset now)
    {
        var known = Find(database, request.Node, request.Instance.Span);
        var reply = new AdmitInstanceReply { LogId = log.LogId, HighestSeq = (ulong)(known?.HighestSeq ?? 0) };
        if (IsHeldByAnother(database, request.Node, known, now, out var heard))
        {
            reply.Outcome = AdmitInstanceReply.Types.Outcome.HeldByAnother;
            reply.Text = FormattableString.Invariant(
                $"another agent holds the name {request.Node} and was heard {heard.TotalSeconds:0} s ago: give this one another node name, or stop the other and wait {NodeLease.Lasts.TotalSeconds:0} s");
            return reply;
        }

        if (!request.Renew && request.NextSeq <= reply.HighestSeq)
        {
            reply.Outcome = AdmitInstanceReply.Types.Outcome.RolledBack;
            reply.Text = $"the spool of {request.Node} went back in time: its next sequence is {request.NextSeq}, but {reply.HighestSeq} was used";
            return reply;
        }

        if (!request.Renew && request.ReadsFromStart && reply.HighestSeq == 0 && WasHeldByAnother(database, request.Node, known))
        {
            reply.Outcome = AdmitInstanceReply.Types.Outcome.RolledBack;
            reply.Text = $"the spool of {request.Node} is new, but there was one before: what that one sent would count twice, if its logs were read from their beginning";
            return reply;
        }

        var instance = known ?? FindOrAdd(database, request.Node, request.Instance.Span);
        reply.Outcome = AdmitInstanceReply.Types.Outcome.Admitted;
        reply.InstanceOrdinal = (ulong)instance.Ordinal;
        database.Execute(
            "INSERT INTO leases VALUES ($1, $2, $3) ON CONFLICT (node) DO UPDATE SET instance = excluded.instance, renewed_at_ms = excluded.renewed_at_ms",
            request.Node, instance.Id, now.ToUnixTimeMilliseconds());
        TakeAcknowledged(database, request, reply, known, instance, log, now);
        return reply;
    }

    // What the agent has forgotten is done, whatever the log holds: told once, since the log knows the sequence from then on.
    private static void TakeAcknowledged(
        Database database, AdmitInstanceRequest request, AdmitInstanceReply reply, InstanceRow? known, InstanceRow instance, LogIdentity log, DateTimeOffset now)
    {
        if (LostCommits.Of(known, request.HighestAcked) is > 0 and var lost)
        {
            reply.CommitsLost = (ulong)lost;
            reply.Text =
                $"the commit log went back in time: {request.Node} had records up to {request.HighestAcked} acknowledged, and the log knows none above {instance.HighestSeq}; {lost} are gone";
            LostCommits.Report(database, request.Node, reply.Text, lost, log.Generation, now);
        }

        Raise(database, instance, request.Floor, request.HighestAcked);
    }

    private static bool WasHeldByAnother(Database database, string node, InstanceRow? known) =>
        database.Number("SELECT 1 FROM instances WHERE node = $1 AND id <> $2 LIMIT 1", node, known?.Id ?? 0) is not null;

    private static bool IsHeldByAnother(Database database, string node, InstanceRow? known, DateTimeOffset now, out TimeSpan heard)
    {
        heard = default;
        using var row = database.Query("SELECT instance, renewed_at_ms FROM leases WHERE node = $1", node);
        if (!row.Read() || row.GetInt64(0) == known?.Id)
        {
            return false;
        }

        // A clock that was set back must not hold a name for longer than a lease.
        heard = (now - DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1))).Duration();
        return heard < NodeLease.Lasts;
    }
}
