namespace FleetVibe.Gateway.Store;

/// <summary>Names of the counters, as they stand in the file.</summary>
internal static class Counter
{
    // Requests.
    internal const string Committed = "committed";
    internal const string Late = "late";
    internal const string Future = "future";
    internal const string Undecodable = "undecodable";
    internal const string Backfilled = "backfilled";

    // Parts that were offered again after they had their fate.
    internal const string Duplicates = "duplicates";
    internal const string Commits = "commits";
    internal const string LostSwaps = "lost_swaps";

    // What was acknowledged and is gone because the log went back in time: records where an agent tells, else revisions.
    internal const string CommitsLost = "commits_lost";

    // Points, by revision.
    internal const string PointsProduced = "points_produced";
    internal const string PointsQueued = "points_queued";
    internal const string PointsDelivered = "points_delivered";
    internal const string PointsSuperseded = "points_superseded";
    internal const string PointsDeadLettered = "points_dead_lettered";

    // Node points that could not become one.
    internal const string PointsRefused = "points_refused";
}
