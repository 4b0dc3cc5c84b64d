namespace FleetVibe.Gateway.Points;

/// <summary>The counters of the log, as they stand in one transaction.</summary>
internal sealed record LedgerCounts(IReadOnlyDictionary<string, long> Values)
{
    internal long this[string name] => Values.GetValueOrDefault(name);
}

/// <summary>The gateway's own point of vibe_fleetvibe: both ledgers as they stand, this point included.</summary>
internal static class GatewayPoint
{
    internal const string Measurement = "vibe_fleetvibe";

    // Published name by counter.
    private static readonly (string Field, string Counter)[] Fields =
    [
        ("committed", Counter.Committed),
        ("late", Counter.Late),
        ("future", Counter.Future),
        ("undecodable", Counter.Undecodable),
        ("backfilled", Counter.Backfilled),
        ("duplicates", Counter.Duplicates),
        ("commits", Counter.Commits),
        ("lost_swaps", Counter.LostSwaps),
        ("commits_lost", Counter.CommitsLost),
        ("produced", Counter.PointsProduced),
        ("queued", Counter.PointsQueued),
        ("delivered", Counter.PointsDelivered),
        ("superseded", Counter.PointsSuperseded),
        ("dead_lettered", Counter.PointsDeadLettered),
        ("points_refused", Counter.PointsRefused),
    ];

    internal static PointLine Render(string host, long windowStart, LedgerCounts counts) =>
        PointLine.Write(Measurement, windowStart * 1_000_000_000, writer =>
        {
            writer.Tag("host", host);
            writer.Tag("role", "gateway");
            foreach (var (field, counter) in Fields)
            {
                writer.Field(field, counts[counter]);
            }
        })!;
}
