using System.Data.Common;
using System.Text.Json;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Gateway.Store;

/// <summary>Committed windows and the names of their series.</summary>
internal static class WindowTable
{
    /// <summary>What windows and roll-ups have in common.</summary>
    internal const string ContentColumns = "revision, final, backfilled, totals, hosts, expected_hosts, fields";

    private const long MostOpenWindows = 100;

    internal static long? FindSeries(Database database, SeriesKey key) =>
        database.Number("SELECT id FROM series WHERE model = $1 AND task = $2 AND variant = $3", key.Model, key.Task, key.Variant);

    internal static long FindOrAddSeries(Database database, SeriesKey key) => FindSeries(database, key)
        ?? database.Number("INSERT INTO series (model, task, variant) VALUES ($1, $2, $3) RETURNING id", key.Model, key.Task, key.Variant)!.Value;

    internal static CommittedWindow Find(Database database, long series, WindowLevel level, long start)
    {
        using var row = database.Query(
            $"SELECT {ContentColumns} FROM windows WHERE series = $1 AND level = $2 AND start = $3", series, (long)level, start);
        return row.Read() ? ContentOf(row) : CommittedWindow.None;
    }

    /// <summary>Reads <see cref="ContentColumns"/>.</summary>
    internal static CommittedWindow ContentOf(DbDataReader row) => new(
        row.GetInt64(0),
        row.GetInt64(1) != 0,
        (ulong)row.GetInt64(2),
        WindowTotals.Parser.ParseFrom(row.GetFieldValue<byte[]>(3)),
        Hosts(row.GetString(4)),
        Hosts(row.GetString(5)),
        (FleetFields)row.GetInt64(6));

    internal static void Write(Database database, long series, WindowKey key, CommittedWindow window, byte[] totals) => database.Execute(
        """
        INSERT INTO windows VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (series, start, level) DO UPDATE SET
          revision = excluded.revision, final = excluded.final, requests = excluded.requests, backfilled = excluded.backfilled,
          totals = excluded.totals, hosts = excluded.hosts, expected_hosts = excluded.expected_hosts, fields = excluded.fields
        """,
        series, (long)key.Level, key.Start, window.Revision, window.Final ? 1L : 0L, (long)window.Totals.Requests, (long)window.Backfilled,
        totals, JsonSerializer.Serialize(window.Hosts), JsonSerializer.Serialize(window.ExpectedHosts), (long)window.Fields);

    /// <summary>What a new owner of a window needs to know.</summary>
    internal static WindowState StateOf(Database database, WindowKey key, string logId)
    {
        var state = new WindowState { Key = key, LogId = logId, Horizon = HorizonOf(database), Totals = new WindowTotals() };
        if (FindSeries(database, key.Series) is { } series)
        {
            var window = Find(database, series, key.Level, key.Start);
            state.Revision = (ulong)window.Revision;
            state.Totals = window.Totals;
            state.Hosts.Add(window.Hosts);
            state.ExpectedHosts.Add(window.ExpectedHosts);
            state.Final = window.Final;
            state.Backfilled = window.Backfilled;
            FateTable.AddPartsTo(database, state, series);
            var nodes = window.Hosts.Concat(window.ExpectedHosts).Concat(state.Contributors.Select(p => p.Record.Node)).Concat(state.Refused.Select(p => p.Record.Node));
            state.Floors.Add(InstanceTable.FloorsOf(database, nodes.Distinct(StringComparer.Ordinal)));
        }

        return state;
    }

    internal static LoadOpenWindowsReply OpenWindowsOf(Database database, SeriesKey key, string logId)
    {
        var reply = new LoadOpenWindowsReply { LogId = logId, Horizon = HorizonOf(database) };
        if (FindSeries(database, key) is not { } series)
        {
            return reply;
        }

        // Only after a long time without any aggregator are there more; those are loaded when a contribution asks for them.
        var keys = new List<WindowKey>();
        using (var rows = database.Query(
            "SELECT level, start FROM windows WHERE series = $1 AND final = 0 AND start >= $2 ORDER BY start DESC, level LIMIT $3",
            series, reply.Horizon, MostOpenWindows))
        {
            while (rows.Read())
            {
                keys.Add(new WindowKey { Series = key, Level = (WindowLevel)rows.GetInt64(0), Start = rows.GetInt64(1) });
            }
        }

        reply.Windows.Add(keys.AsEnumerable().Reverse().Select(k => StateOf(database, k, logId)));
        var newest = database.Text("SELECT expected_hosts FROM windows WHERE series = $1 AND level = 0 ORDER BY start DESC LIMIT 1", series);
        reply.ExpectedHosts.Add(newest is null ? [] : Hosts(newest));
        return reply;
    }

    internal static long HorizonOf(Database database) => database.Number("SELECT horizon FROM meta")!.Value;

    /// <summary>Moves the horizon as far as every roll-up below it is made.</summary>
    internal static void AdvanceHorizon(Database database, DateTimeOffset now, TimeSpan retention)
    {
        var current = HorizonOf(database);
        var next = Horizon.Advance(current, now, retention, RollUpMarks.Oldest(database));
        if (next != current)
        {
            database.Execute("UPDATE meta SET horizon = $1", next);
        }
    }

    /// <summary>Has the horizon stand behind the present window: what began by now is neither changed nor rolled up again.</summary>
    internal static void Seal(Database database, DateTimeOffset now)
    {
        var horizon = Math.Max(HorizonOf(database), WindowClock.StartOf(now) + WindowClock.BaseSeconds);
        database.Execute("UPDATE meta SET horizon = $1", horizon);
        database.Execute("DELETE FROM roll_up_marks WHERE start < $1", horizon);
    }

    /// <summary>Removes base windows below the horizon, and larger ones below their own age.</summary>
    internal static int Prune(Database database, long horizon, long rollUpsBefore, int most) => database.Execute(
        "DELETE FROM windows WHERE (series, start, level) IN (SELECT series, start, level FROM windows WHERE start < $1 AND (level = 0 OR start < $2) LIMIT $3)",
        horizon, rollUpsBefore, (long)most);

    private static List<string> Hosts(string json) => JsonSerializer.Deserialize<List<string>>(json)!;
}
