namespace FleetVibe.Gateway.Store;

/// <summary>Counters move in the transaction of the act that they count.</summary>
internal static class CounterTable
{
    private const string WholeLog = "";

    internal static void Add(Database database, string name, long change) => AddTo(database, WholeLog, name, change);

    /// <summary>Requests of a node that got a fate.</summary>
    internal static void AddRequests(Database database, string node, Fate fate, ulong requests)
    {
        var name = fate switch
        {
            Fate.Committed => Counter.Committed,
            Fate.Late => Counter.Late,
            Fate.Future => Counter.Future,
            _ => Counter.Undecodable,
        };
        AddTo(database, WholeLog, name, (long)requests);
        AddTo(database, node, name, (long)requests);
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

        using var spools = database.Query("SELECT node, COUNT(*) FROM instances WHERE highest_seq > 0 GROUP BY node");
        while (spools.Read())
        {
            if (nodes.TryGetValue(spools.GetString(0), out var counts))
            {
                counts.Spools = (uint)spools.GetInt64(1);
            }
        }

        return nodes.Values;
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
