using FleetVibe.Gateway.Store;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;
using Google.Protobuf;

namespace FleetVibe.Model.Tests;

/// <summary>The rules that hold once nothing is under way any more.</summary>
internal sealed partial class Invariants
{
    internal bool NothingIsDue() => world.Store.Read(db =>
        db.Number("SELECT (SELECT count(*) FROM roll_up_marks) + (SELECT count(*) FROM attempts) + (SELECT count(*) FROM heads WHERE state = 0 OR replay = 1)") == 0);

    internal void CheckAtRest()
    {
        CheckEachRequest();
        CheckNodePoints();
        world.Store.Read(db =>
        {
            CheckEachRollUp(db);
            CheckTelegraf(db);
            CheckBytes(db);
            return true;
        });
        foreach (var node in world.Nodes)
        {
            var ledger = node.Ledger;
            Require(
                ledger is { Open: 0, Spooled: 0 } && (world.Mutant == Mutant.DlKey || ledger.Seen == _fated.GetValueOrDefault(node.Instance)), "I9",
                $"{node.Name} at rest: seen {ledger.Seen}, open {ledger.Open}, spooled {ledger.Spooled}, {_fated.GetValueOrDefault(node.Instance)} fated");
        }

        world.Count("windows of several revisions", _windows.Values.Count(window => window.Revision > 1));
        world.Count("windows above 10 s", _windows.Keys.Count(id => id.Level != WindowLevel._10S));
        foreach (var (name, sum) in _totals)
        {
            world.Count($"requests {name}", sum);
        }

        world.Count("requests in a gap", world.Truth.Gap.Count);
    }

    // I10
    private void CheckEachRequest()
    {
        var found = new int[world.Truth.Requests.Count];
        void Find(IEnumerable<int> bag)
        {
            foreach (var request in bag)
            {
                found[request]++;
            }
        }

        foreach (var (id, window) in _windows)
        {
            Find(window.Content);
            Require(window.Content.TrueForAll(request => IsOf(request, id)), "I10", $"{id} holds another window's request: {Bag.Text(window.Content)}");
        }

        foreach (var part in _fateOf.Where(entry => entry.Value != Fate.Committed).Select(entry => entry.Key).Concat(world.Store.DeadBeside))
        {
            Find(world.Truth.Parts[part].Requests);
        }

        foreach (var request in world.Truth.Requests)
        {
            Require(found[request.Id] <= 1, "I10", $"request {request.Id} is counted {found[request.Id]} times");
            Require(found[request.Id] == 1 || world.Truth.Gap.Contains(request.Id), "I10", $"request {request.Id} of {WindowClock.StartOf(request.At) % 100_000} is lost");
        }
    }

    private bool IsOf(int request, WindowId window)
    {
        var truth = world.Truth.Requests[request];
        return truth.Series.Model == window.Series && WindowLevels.StartOf(window.Level, truth.Window) == window.Start;
    }

    // I11
    private void CheckEachRollUp(Database db)
    {
        var expected = new Dictionary<WindowId, List<int>>();
        foreach (var (id, window) in _windows)
        {
            for (var level = id.Level == WindowLevel._10S ? WindowLevel._1M : id.Level; level <= WindowLevel._1H; level++)
            {
                var above = id with { Level = level, Start = WindowLevels.StartOf(level, id.Start) };
                Bag.Add(expected.TryGetValue(above, out var bag) ? bag : expected[above] = [], window.Content);
            }
        }

        foreach (var (id, _, _) in Rows(db, "roll_ups"))
        {
            var content = ContentOf(db, "roll_ups", id);
            Require(expected.Remove(id, out var bag) && content.SequenceEqual(bag), "I11", $"the roll-up {id} holds {Bag.Text(content)}, its windows {Bag.Text(bag ?? [])}");
        }

        var missing = expected.FirstOrDefault(entry => entry.Value.Count > 0);
        Require(missing.Value is null, "I11", $"the roll-up {missing.Key} was never made");
    }

    // I12
    private void CheckTelegraf(Database db)
    {
        using var rows = db.Query("SELECT key, revision_hi, revision_lo, line FROM heads");
        while (rows.Read())
        {
            var key = rows.GetString(0);
            var held = world.Telegraf.Points.GetValueOrDefault(key);
            Require(
                held.Line == rows.GetString(3) && (held.Revision.Hi, held.Revision.Lo) == (rows.GetInt64(1), rows.GetInt64(2)), "I12",
                $"Telegraf holds revision {held.Revision.Hi}.{held.Revision.Lo} of {key}, the head is {rows.GetInt64(1)}.{rows.GetInt64(2)}");
        }
    }

    // I8, at its end: the point of a node's window tells all of it.
    private void CheckNodePoints()
    {
        var truth = world.Truth.Requests.CountBy(request => (request.Node, request.Series.Model, request.Window)).ToDictionary();
        foreach (var node in world.Nodes.Where(node => node.TellsWholeWindows))
        {
            foreach (var ((name, model, window), count) in truth.Where(entry => entry.Key.Node == node.Name && entry.Key.Window >= _horizon))
            {
                var head = _heads.GetValueOrDefault($"vibe_model,host={name},model={model},target=log,task=t {window}000000000");
                Require(head.Line is not null && RequestsIn(head.Line) == count, "I8", $"{name} saw {count} requests of {model} in {window % 100_000}, its point says {head.Line}");
            }
        }
    }

    // I13: the parts, merged in another order, are the same bytes.
    private void CheckBytes(Database db)
    {
        var random = new Random(0);
        var parts = _fateOf.Where(entry => entry.Value == Fate.Committed).Select(entry => world.Truth.Parts[entry.Key]).ToLookup(part => part.Window);
        using var rows = db.Query("SELECT series, level, start, totals FROM windows");
        while (rows.Read())
        {
            var id = new WindowId(_series[rows.GetInt64(0)], (WindowLevel)rows.GetInt64(1), rows.GetInt64(2));
            var merged = new SeriesTotals();
            foreach (var part in parts[id].OrderBy(_ => random.Next()))
            {
                merged.Merge(TotalsMapper.FromWire(part.Totals));
            }

            Require(TotalsMapper.ToWire(merged).ToByteArray().AsSpan().SequenceEqual(rows.GetFieldValue<byte[]>(3)), "I13", $"{id} has other bytes when it is merged again");
        }
    }
}
