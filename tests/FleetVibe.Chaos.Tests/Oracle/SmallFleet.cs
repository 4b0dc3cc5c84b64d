using FleetVibe.Chaos.Oracle;
using FleetVibe.Chaos.Traffic;
using FleetVibe.Metrics.LineProtocol;
using FleetVibe.Simulator.Telegraf;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Chaos.Tests.Oracle;

/// <summary>Three nodes, two models, twelve windows over two minutes; what Telegraf and the ledgers hold where nothing went wrong, to be spoilt.</summary>
internal sealed class SmallFleet
{
    public const string Model = "vibe-a";
    public const string OtherModel = "vibe-b";
    public const int Windows = 12;
    public static readonly long Start = DateTimeOffset.Parse("2026-01-01T10:03:00Z", System.Globalization.CultureInfo.InvariantCulture).ToUnixTimeSeconds();
    public static readonly int[] Lengths = [10, 60, 300, 3600];
    private static readonly string[] Percentiles = ["p50", "p95", "p99"];

    private readonly Dictionary<(string Model, int Seconds, long Start), Dictionary<string, FieldValue>> _windows = [];

    public SmallFleet()
    {
        foreach (var (node, model, median, perWindow) in new[] { ("a", Model, 2.0, 40), ("b", Model, 9.0, 25), ("c", OtherModel, 0.3, 50) })
        {
            var stream = new RequestStream(new StreamIdentity(node, "t", "json_log", model, FleetTraffic.TaskName), new LatencyProfile("p", median, 1, 0.05, 90), 7);
            for (var i = 0; i < Windows * perWindow; i++)
            {
                Truth.Add(stream.Next((Start * 1000) + (i * 10_000L / perWindow)));
            }

            Nodes.Add(new NodeLedgerNumbers(node, Windows * perWindow, 0, 0, Windows * perWindow));
        }

        foreach (var (key, _) in Truth.Windows)
        {
            foreach (var length in Lengths)
            {
                _windows[(key.Model, length, key.Start / length * length)] = [];
            }
        }

        foreach (var (model, length, start) in _windows.Keys)
        {
            var all = new TruthWindow();
            foreach (var (key, window) in Truth.Windows.Where(pair => pair.Key.Model == model && pair.Key.Start / length * length == start))
            {
                all.Add(window);
            }

            var fields = _windows[(model, length, start)];
            fields["requests"] = FieldValue.Of(all.Requests);
            fields["errors"] = FieldValue.Of(all.Errors);
            fields["length_limited"] = FieldValue.Of(all.LengthLimited);
            fields["input_tokens"] = FieldValue.Of(all.InputTokens);
            fields["output_tokens"] = FieldValue.Of(all.OutputTokens);
            fields["contributors"] = FieldValue.Of((long)all.ByNode.Count);
            fields["revision"] = FieldValue.Of(1L);
            fields["final"] = FieldValue.Of(length < 3600);
            foreach (var (name, exact) in Percentiles.Zip(all.PercentilesMs(500, 950, 990)))
            {
                fields[$"response_time_{name}_ms"] = FieldValue.Of(exact * 1.004);
            }
        }
    }

    public TrafficTruth Truth { get; } = new();

    public List<NodeLedgerNumbers> Nodes { get; } = [];

    public List<string> Violations { get; } = [];

    public static long WindowAt(int index) => Start + (10 * index);

    /// <summary>Adds to a number of a base window and of all larger ones that hold it.</summary>
    public void Add(string field, long by, long start, string model = Model)
    {
        foreach (var length in Lengths)
        {
            AddAt(length, field, by, start, model);
        }
    }

    /// <summary>Adds to a number of one window.</summary>
    public void AddAt(int seconds, string field, long by, long start, string model = Model)
    {
        var fields = _windows[(model, seconds, start / seconds * seconds)];
        fields[field] = FieldValue.Of(fields[field].Integer + by);
    }

    public void Scale(int seconds, string field, double by, long start)
    {
        var fields = _windows[(Model, seconds, start / seconds * seconds)];
        fields[field] = FieldValue.Of(fields[field].Float * by);
    }

    public void Set(int seconds, string field, FieldValue value, long start) => _windows[(Model, seconds, start / seconds * seconds)][field] = value;

    public void Remove(int seconds, long start) => _windows.Remove((Model, seconds, start / seconds * seconds));

    public void AddStranger(string model, long requests) =>
        _windows[(model, 10, Start)] = new() { ["requests"] = FieldValue.Of(requests) };

    public void Change(string node, Func<NodeLedgerNumbers, NodeLedgerNumbers> change)
    {
        var index = Nodes.FindIndex(n => n.Node == node);
        Nodes[index] = change(Nodes[index]);
    }

    /// <summary>Moves requests of a node from committed to refused in its ledger.</summary>
    public void Refuse(string node, long requests, string reason = "late") => Change(node, n => n with
    {
        Committed = n.Committed - requests,
        Refused = new Dictionary<string, long> { [reason] = requests },
    });

    public Verdict Judge(Func<GatewayLedgerNumbers, GatewayLedgerNumbers>? gateway = null)
    {
        var numbers = new GatewayLedgerNumbers(Nodes.Sum(n => n.Committed), 100, 0, 90, 10, 0);
        return FleetVibe.Chaos.Oracle.Judge.Of(
            Truth, [.. _windows.Select(pair => Point(pair.Key, pair.Value))], Violations, new FleetLedgerNumbers(Nodes, gateway?.Invoke(numbers) ?? numbers));
    }

    private static StoredPoint Point((string Model, int Seconds, long Start) key, Dictionary<string, FieldValue> fields)
    {
        var tags = new Dictionary<string, string>
        {
            ["host"] = "fleet",
            ["model"] = key.Model,
            ["task"] = FleetTraffic.TaskName,
            ["window"] = key.Seconds switch { 10 => "10s", 60 => "1m", 300 => "5m", _ => "1h" },
        };
        return new StoredPoint("vibe_fleet", tags, key.Start * 1_000_000_000, fields, [1], 1)
        {
            FirstWriteNs = (key.Start + key.Seconds + 4) * 1_000_000_000,
        };
    }
}
