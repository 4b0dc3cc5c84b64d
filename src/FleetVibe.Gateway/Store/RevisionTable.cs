using System.Text.Json;

namespace FleetVibe.Gateway.Store;

/// <summary>What each revision of a window added, for people who ask; kept as long as the window.</summary>
internal static class RevisionTable
{
    internal static void Add(
        Database database, long series, WindowKey key, CommittedWindow window, IEnumerable<string> addedHosts, int addedRecords, DateTimeOffset now) => database.Execute(
        "INSERT INTO revisions VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        series, (long)key.Level, key.Start, window.Revision, now.ToUnixTimeMilliseconds(), JsonSerializer.Serialize(addedHosts),
        (long)addedRecords, (long)window.Totals.Requests, (long)window.ExpectedHosts.Count);

    /// <summary>Oldest first.</summary>
    internal static List<WindowRevision> Of(Database database, WindowKey key)
    {
        var revisions = new List<WindowRevision>();
        if (WindowTable.FindSeries(database, key.Series) is not { } series)
        {
            return revisions;
        }

        using var rows = database.Query(
            "SELECT revision, at_ms, added_hosts, added_records, requests, expected FROM revisions WHERE start = $1 AND series = $2 AND level = $3 ORDER BY revision",
            key.Start, series, (long)key.Level);
        while (rows.Read())
        {
            revisions.Add(new WindowRevision
            {
                Revision = (ulong)rows.GetInt64(0),
                AtUnixMs = rows.GetInt64(1),
                AddedHosts = { JsonSerializer.Deserialize<List<string>>(rows.GetString(2))! },
                AddedRecords = (uint)rows.GetInt64(3),
                Requests = (ulong)rows.GetInt64(4),
                Expected = (uint)rows.GetInt64(5),
            });
        }

        return revisions;
    }

    /// <summary>As the windows that they are of.</summary>
    internal static int Prune(Database database, long horizon, long rollUpsBefore, int most) => database.Execute(
        """
        DELETE FROM revisions WHERE (start, series, level, revision) IN (
          SELECT start, series, level, revision FROM revisions WHERE start < $1 AND (level = 0 OR start < $2) LIMIT $3)
        """,
        horizon, rollUpsBefore, (long)most);
}
