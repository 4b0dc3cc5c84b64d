namespace FleetVibe.Gateway.Store;

/// <summary>Counters move in the transaction of the act that they count.</summary>
internal static class CounterTable
{
    private const string WholeLog = "";

    internal static void Add(Database database, string name, long change) => AddTo(database, WholeLog, name, change);

    /// <summary>Requests of a spool instance that got a fate.</summary>
    internal static void AddRequests(Database database, InstanceRow instance, Fate fate, ulong requests)
    {
        var name = fate switch
        {
            Fate.Committed => Counter.Committed,
            Fate.Late => Counter.Late,
            Fate.Future => Counter.Future,
            _ => Counter.Undecodable,
        };
        AddTo(database, WholeLog, name, (long)requests);
        AddTo(database, instance.Node, name, (long)requests);
        if (fate == Fate.Committed && requests > 0)
        {
            database.Execute("UPDATE instances SET committed = committed + $2 WHERE id = $1", instance.Id, (long)requests);
        }
    }

    internal static void AddPoints(Database database, PointCounts change)
    {
        Add(database, Counter.PointsProduced, change.Produced);
        Add(database, Counter.PointsQueued, change.Queued);
        Add(database, Counter.PointsDelivered, change.Delivered);
        Add(database, Counter.PointsSuperseded, change.Superseded);
        Add(database, Counter.PointsDeadLettered, change.DeadLettered);
    }

    internal static LedgerCounts OfLog(Database database) => new(Read(database, WholeLog));

    internal static IEnumerable<NodeCommitted> OfNodes(Database database)
    {
        var nodes = new SortedDictionary<string, NodeCommitted>(StringComparer.Ordinal);
        using (var rows = database.Query("SELECT node, name, value FROM counters WHERE node <> ''"))
        {
            while (rows.Read())
            {
                var node = rows.GetString(0);
                if (!nodes.TryGetValue(node, out var counts))
                {
                    nodes.Add(node, counts = new NodeCommitted { Node = node });
                }

                Set(counts, rows.GetString(1), (ulong)rows.GetInt64(2));
            }
        }

        SetSpools(database, nodes);
        return nodes.Values;
    }

    // A sum over instances of which one is not known is not known.
    private static void SetSpools(Database database, SortedDictionary<string, NodeCommitted> nodes)
    {
        using (var rows = database.Query(
            "SELECT node, COUNT(*), CASE COUNT(committed) WHEN COUNT(*) THEN CAST(SUM(committed) AS BIGINT) END FROM instances WHERE highest_seq > 0 GROUP BY node"))
        {
            while (rows.Read())
            {
                if (nodes.TryGetValue(rows.GetString(0), out var counts))
                {
                    counts.Spools = (uint)rows.GetInt64(1);
                    if (!rows.IsDBNull(2))
                    {
                        counts.SpoolsCommitted = (ulong)rows.GetInt64(2);
                    }
                }
            }
        }

        using var holders = database.Query("SELECT i.node, i.instance, i.committed FROM leases l JOIN instances i ON i.id = l.instance WHERE i.committed IS NOT NULL");
        while (holders.Read())
        {
            if (nodes.TryGetValue(holders.GetString(0), out var counts))
            {
                counts.PresentSpool = Google.Protobuf.ByteString.CopyFrom(holders.GetFieldValue<byte[]>(1));
                counts.PresentCommitted = (ulong)holders.GetInt64(2);
            }
        }
    }

    private static void Set(NodeCommitted counts, string name, ulong value)
    {
        switch (name)
        {
            case Counter.Committed:
                counts.Committed = value;
                break;
            case Counter.Late:
                counts.Late = value;
                break;
            case Counter.Future:
                counts.Future = value;
                break;
            case Counter.Undecodable:
                counts.Undecodable = value;
                break;
            default:
                break;
        }
    }

    private static Dictionary<string, long> Read(Database database, string node)
    {
        var values = new Dictionary<string, long>(StringComparer.Ordinal);
        using var rows = database.Query("SELECT name, value FROM counters WHERE node = $1", node);
        while (rows.Read())
        {
            values[rows.GetString(0)] = rows.GetInt64(1);
        }

        return values;
    }

    private static void AddTo(Database database, string node, string name, long change)
    {
        if (change != 0)
        {
            database.Execute(
                "INSERT INTO counters VALUES ($1, $2, $3) ON CONFLICT (node, name) DO UPDATE SET value = counters.value + excluded.value",
                node, name, change);
        }
    }
}
