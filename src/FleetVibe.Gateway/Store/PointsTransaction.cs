namespace FleetVibe.Gateway.Store;

/// <summary>Points that do not follow from a window: those of a node's record, and the gateway's own.</summary>
internal static class PointsTransaction
{
    internal static PointsTaken? Run(Database database, PutPointsRequest request, bool integerCompat, DateTimeOffset now)
    {
        var record = request.Record;
        if (InstanceTable.HolderOf(database, record.Node) is not { } holder)
        {
            return null;
        }

        var instance = InstanceTable.FindOrAdd(database, record.Node, record.Instance.Span);
        InstanceTable.Raise(database, instance, request.Floor, record.Seq);
        var horizon = WindowTable.HorizonOf(database);
        var rejected = 0;
        string? firstFault = null;
        foreach (var point in request.Points)
        {
            string? fault = null;
            if (instance.Id != holder)
            {
                fault = "another agent holds the node's name";
            }
            else if (NodePoint.Render(point, record.Node, integerCompat, out fault) is { } line)
            {
                // Below the horizon a higher revision may have been sent and forgotten.
                if (line.WindowStart >= horizon)
                {
                    HeadTable.Raise(database, line, new PointRevision(instance.Ordinal, (long)record.Seq), now);
                    continue;
                }

                fault = "it lies below the horizon";
            }

            firstFault ??= $"a point of {point.Measurement}: {fault}";
            rejected++;
        }

        CounterTable.Add(database, Counter.PointsRefused, rejected);
        return new PointsTaken(rejected, firstFault);
    }

    /// <summary>Both ledgers as they stand once this point is counted.</summary>
    internal static bool PutOwn(Database database, string host, long windowStart, long generation, DateTimeOffset now)
    {
        var revision = new PointRevision(generation, now.ToUnixTimeMilliseconds());
        var empty = GatewayPoint.Render(host, windowStart, new LedgerCounts(new Dictionary<string, long>()));
        if (!HeadTable.Raise(database, empty, revision, now))
        {
            return false;
        }

        var line = GatewayPoint.Render(host, windowStart, CounterTable.OfLog(database));
        database.Execute("UPDATE heads SET line = $2 WHERE key = $1", line.Key, line.Line);
        return true;
    }
}
