using FleetVibe.Gateway.Points;
using FleetVibe.Gateway.Store;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Model.Tests;

/// <summary>The rules that hold after every step, out of what stands in the gateway's log and in the spools.</summary>
internal sealed partial class Invariants(World world)
{
    private readonly Dictionary<long, string> _series = [];
    private readonly Dictionary<long, (string Node, Guid Instance)> _instances = [];
    private readonly Dictionary<Guid, (long Floor, long Highest)> _marks = [];
    private readonly Dictionary<(long Instance, long Seq, long Series), (Fate Fate, PartId Part)> _fates = [];
    private readonly Dictionary<PartId, Fate> _fateOf = [];
    private readonly Dictionary<Guid, long> _fated = [];
    private readonly Dictionary<string, long> _totals = [];
    private readonly Dictionary<WindowId, List<int>> _expected = [];
    private readonly Dictionary<WindowId, (long Revision, List<int> Content)> _windows = [];
    private readonly Dictionary<WindowId, (long Revision, List<int> Content)> _rollUps = [];
    private readonly Dictionary<string, Head> _heads = [];
    private readonly Dictionary<long, string> _headKeys = [];
    private readonly Dictionary<Guid, (long Floor, long Highest)> _newMarks = [];
    private long _horizon;
    private long _newHorizon;

    internal ulong HighestSeqOf(Guid instance) => (ulong)_marks.GetValueOrDefault(instance).Highest;

    internal void Check()
    {
        if (world.Store.Changed)
        {
            world.Store.Changed = false;
            world.Store.Read(db =>
            {
                CheckInstances(db);
                var touched = CheckFates(db);
                CheckWindows(db, touched);
                CheckRollUps(db);
                CheckHeads(db);
                CheckCounters(db);
                _horizon = _newHorizon;
                foreach (var (instance, mark) in _newMarks)
                {
                    _marks[instance] = mark;
                }

                return true;
            });
        }

        CheckLedgers();
    }

    /// <summary>An agent is about to forget a record (I3).</summary>
    internal void CheckForgotten(RecordKey record)
    {
        Check();
        var content = world.Truth.Records[record];
        foreach (var part in content.Contributions)
        {
            Require(_fateOf.ContainsKey(new PartId(record, part.Series.Model)), "I3", $"{new PartId(record, part.Series.Model)} is forgotten without a fate");
        }

        var (ordinal, isHolder) = world.Store.Read(db =>
        {
            var instance = InstanceTable.Find(db, record.Node, RecordKey.InstanceToWire(record.Instance).Span)!;
            return (instance.Ordinal, InstanceTable.HolderOf(db, record.Node) == instance.Id);
        });
        foreach (var point in isHolder ? content.Points : [])
        {
            if (NodePoint.Render(point, record.Node, false, out _) is { } line && line.WindowStart >= _horizon)
            {
                var head = _heads.GetValueOrDefault(line.Key);
                Require(
                    (head.Hi, head.Lo).CompareTo((ordinal, (long)record.Seq)) >= 0, "I3",
                    $"record {record.Seq} of {record.Node} is forgotten, and its point {line.Key} is at {head.Hi}.{head.Lo}");
            }
        }
    }

    private void CheckInstances(Database db)
    {
        var horizon = WindowTable.HorizonOf(db);
        Require(horizon >= _horizon, "I6", $"the horizon went back from {_horizon} to {horizon}");
        if (horizon > _horizon && _horizon > 0)
        {
            world.Count("horizon moves");
        }

        _newHorizon = horizon;
        using (var rows = db.Query("SELECT id, model FROM series"))
        {
            while (rows.Read())
            {
                _series[rows.GetInt64(0)] = rows.GetString(1);
            }
        }

        using var instances = db.Query("SELECT id, node, instance, floor, highest_seq FROM instances");
        while (instances.Read())
        {
            var id = instances.GetInt64(0);
            if (!_instances.TryGetValue(id, out var known))
            {
                _instances[id] = known = (instances.GetString(1), RecordKey.InstanceFromWire(ByteString.CopyFrom(instances.GetFieldValue<byte[]>(2))));
            }

            var mark = (Floor: instances.GetInt64(3), Highest: instances.GetInt64(4));
            var before = _marks.GetValueOrDefault(known.Instance);
            Require(mark.Floor >= before.Floor && mark.Highest >= before.Highest, "I6", $"the marks of {known.Node} went back from {before} to {mark}");
            _newMarks[known.Instance] = mark;
        }
    }

    private HashSet<WindowId> CheckFates(Database db)
    {
        var touched = new HashSet<WindowId>();
        using var rows = db.Query("SELECT instance, seq, series, fate, level, start, requests FROM fates");
        while (rows.Read())
        {
            var key = (rows.GetInt64(0), rows.GetInt64(1), rows.GetInt64(2));
            var fate = (Fate)rows.GetInt64(3);
            if (_fates.TryGetValue(key, out var before))
            {
                Require(before.Fate == fate, "I2", $"{before.Part} was {before.Fate} and is {fate}");
                continue;
            }

            var (node, instance) = _instances[key.Item1];
            var part = new PartId(new RecordKey(node, instance, (ulong)key.Item2), _series[key.Item3]);
            Require(world.Truth.Parts.TryGetValue(part, out var offered), "I2", $"{part} has a fate and was never offered");
            Require(key.Item2 >= _marks.GetValueOrDefault(instance).Floor, "I2", $"{part} got its fate below the floor");
            Require(offered!.Requests.Count == rows.GetInt64(6), "I5", $"{part} holds {offered.Requests.Count} requests, its fate {rows.GetInt64(6)}");
            var window = new WindowId(part.Series, (WindowLevel)rows.GetInt64(4), rows.GetInt64(5));
            Require(window == offered.Window, "I2", $"{part} is of {offered.Window}, its fate of {window}");
            _fates.Add(key, (fate, part));
            Require(_fateOf.TryAdd(part, fate), "I2", $"{part} has two fates");
            _fated[instance] = _fated.GetValueOrDefault(instance) + offered.Requests.Count;
            var name = fate.ToString().ToLowerInvariant();
            _totals[name] = _totals.GetValueOrDefault(name) + offered.Requests.Count;
            if (fate == Fate.Committed)
            {
                Require(window.Start >= _horizon, "I6", $"{part} was committed below the horizon");
                Bag.Add(_expected.TryGetValue(window, out var bag) ? bag : _expected[window] = [], offered.Requests);
                touched.Add(window);
            }
        }

        return touched;
    }

    private void CheckWindows(Database db, HashSet<WindowId> touched)
    {
        var present = 0;
        foreach (var (id, revision, requests) in Rows(db, "windows"))
        {
            present += id.Start >= _newHorizon ? 1 : 0;
            if (!Advances(_windows, id, revision))
            {
                continue;
            }

            Require(id.Start >= _horizon, "I6", $"{id} lies below the horizon and got revision {revision}");
            var content = ContentOf(db, "windows", id);
            var before = _windows.TryGetValue(id, out var old) ? old.Content : [];
            Require(Bag.Without(before, content).Count == 0, "I1", $"{id} lost {Bag.Text(Bag.Without(before, content))} at revision {revision}");
            Require(content.Count == requests, "I5", $"{id} counts {requests} and holds {Bag.Text(content)}");
            _windows[id] = (revision, content);
            touched.Add(id);
        }

        Require(_windows.Keys.Count(id => id.Start >= _newHorizon) == present, "I6", "a window above the horizon is gone");
        foreach (var id in touched)
        {
            var expected = _expected.GetValueOrDefault(id) ?? [];
            var content = _windows.TryGetValue(id, out var window) ? window.Content : [];
            Require(content.SequenceEqual(expected), "I5", $"{id} holds {Bag.Text(content)}, its parts {Bag.Text(expected)}");
        }
    }

    private void CheckRollUps(Database db)
    {
        foreach (var (id, revision, _) in Rows(db, "roll_ups"))
        {
            if (!Advances(_rollUps, id, revision))
            {
                continue;
            }

            var content = ContentOf(db, "roll_ups", id);
            var before = _rollUps.TryGetValue(id, out var old) ? old.Content : [];
            Require(Bag.Without(before, content).Count == 0, "I6", $"the roll-up {id} lost {Bag.Text(Bag.Without(before, content))}");
            _rollUps[id] = (revision, content);
        }
    }

    private static bool Advances(Dictionary<WindowId, (long Revision, List<int> Content)> known, WindowId id, long revision)
    {
        var before = known.TryGetValue(id, out var old) ? old.Revision : 0;
        Require(revision >= before, "I1", $"{id} went back from revision {before} to {revision}");
        return revision > before;
    }

    // Rows are read by their numbers, for speed; a number may be given again after its row was removed.
    private void CheckHeads(Database db)
    {
        var present = new HashSet<long>();
        var changed = new List<(long Id, long Hi, long Lo)>();
        using (var rows = db.Query("SELECT id, revision_hi, revision_lo, attempt, attempt_hi, attempt_lo FROM heads"))
        {
            while (rows.Read())
            {
                var (id, hi, lo) = (rows.GetInt64(0), rows.GetInt64(1), rows.GetInt64(2));
                present.Add(id);
                Require(rows.IsDBNull(3) || rows.IsDBNull(4) || (rows.GetInt64(4), rows.GetInt64(5)).CompareTo((hi, lo)) <= 0, "I7", $"head {id} is sent above its revision");
                if (!_headKeys.TryGetValue(id, out var key) || _heads[key] is var head && (head.Hi, head.Lo) != (hi, lo))
                {
                    changed.Add((id, hi, lo));
                }
            }
        }

        foreach (var (id, hi, lo) in changed)
        {
            using var row = db.Query("SELECT key, line FROM heads WHERE id = $1", id);
            row.Read();
            var (key, line) = (row.GetString(0), row.GetString(1));
            var before = _heads.GetValueOrDefault(key);
            Require((hi, lo).CompareTo((before.Hi, before.Lo)) > 0, "I7", $"the head of {key} went from {before.Hi}.{before.Lo} to {hi}.{lo}");
            if (before.Line is not null && key.StartsWith("vibe_model,", StringComparison.Ordinal))
            {
                Require(RequestsIn(line) >= RequestsIn(before.Line), "I8", $"{key} shrank from {RequestsIn(before.Line)} to {RequestsIn(line)}");
            }

            _heads[key] = new Head(hi, lo, line);
            _headKeys[id] = key;
        }

        foreach (var gone in _headKeys.Keys.Except(present).ToList())
        {
            _headKeys.Remove(gone);
        }
    }

    private void CheckCounters(Database db)
    {
        var counted = new Dictionary<string, long>();
        using var rows = db.Query("SELECT name, value FROM counters WHERE node = ''");
        while (rows.Read())
        {
            counted[rows.GetString(0)] = rows.GetInt64(1);
        }

        foreach (var name in (ReadOnlySpan<string>)[Counter.Committed, Counter.Late, Counter.Future, Counter.Undecodable])
        {
            Require(counted.GetValueOrDefault(name) == _totals.GetValueOrDefault(name), "I5",
                $"{counted.GetValueOrDefault(name)} requests are counted as {name}, the fates hold {_totals.GetValueOrDefault(name)}");
        }

        long Points(string name) => counted.GetValueOrDefault(name);
        Require(
            Points(Counter.PointsProduced) == Points(Counter.PointsQueued) + Points(Counter.PointsDelivered) + Points(Counter.PointsSuperseded) + Points(Counter.PointsDeadLettered),
            "points", "the points ledger does not add up");
    }

    private void CheckLedgers()
    {
        foreach (var node in world.Nodes.Where(node => !node.IsRolledBack))
        {
            var ledger = node.Ledger;
            var acked = ledger.AckedCommitted + ledger.AckedLate + ledger.AckedFuture + ledger.AckedUndecodable;
            var fated = _fated.GetValueOrDefault(node.Instance);
            Require(
                world.Mutant == Mutant.DlKey || (acked <= fated && fated <= acked + ledger.Spooled),
                "I9", $"{node.Name} was told of {acked} and spools {ledger.Spooled}, {fated} have a fate");
        }
    }

    private List<(WindowId Id, long Revision, long Requests)> Rows(Database db, string table)
    {
        var found = new List<(WindowId, long, long)>();
        using var rows = db.Query($"SELECT series, level, start, revision, requests FROM {table}");
        while (rows.Read())
        {
            found.Add((new WindowId(_series[rows.GetInt64(0)], (WindowLevel)rows.GetInt64(1), rows.GetInt64(2)), rows.GetInt64(3), rows.GetInt64(4)));
        }

        return found;
    }

    private static List<int> ContentOf(Database db, string table, WindowId id)
    {
        using var row = db.Query(
            $"SELECT w.totals FROM {table} w JOIN series s ON s.id = w.series WHERE s.model = $1 AND w.level = $2 AND w.start = $3",
            id.Series, (long)id.Level, id.Start);
        row.Read();
        return Bag.Of(WindowTotals.Parser.ParseFrom(row.GetFieldValue<byte[]>(0)));
    }

    private static long RequestsIn(string line)
    {
        var at = line.IndexOf("requests=", StringComparison.Ordinal);
        return at < 0 ? 0 : long.Parse(line.AsSpan(at + 9, line.IndexOf('i', at + 9) - at - 9), System.Globalization.CultureInfo.InvariantCulture);
    }

    private static void Require([System.Diagnostics.CodeAnalysis.DoesNotReturnIf(false)] bool condition, string rule, string what)
    {
        if (!condition)
        {
            throw new Violation(rule, what);
        }
    }

    private readonly record struct Head(long Hi, long Lo, string Line);
}
