using System.Globalization;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Simulator.Telegraf;

/// <summary>
/// Points keyed by measurement, tags and timestamp, as InfluxDB keeps them, and a list of what the sender did wrong. Not
/// thread safe.
/// </summary>
internal sealed class PointStore
{
    private const string Fleet = "vibe_fleet";
    private const int MaxViolations = 10_000;

    private readonly Dictionary<(string Series, long TimestampNs), Entry> _points = [];
    private readonly Dictionary<(string Measurement, string Field), FieldKind> _kinds = [];
    private readonly List<TelegrafViolation> _violations = [];

    /// <summary>The first ten thousand.</summary>
    public IReadOnlyList<TelegrafViolation> Violations => [.. _violations];

    /// <summary>All points of a measurement (null: of all), by time, then by tags.</summary>
    public IReadOnlyList<StoredPoint> Points(string? measurement) =>
    [
        .. _points
            .Where(pair => measurement is null || pair.Value.Measurement == measurement)
            .OrderBy(pair => pair.Key.TimestampNs)
            .ThenBy(pair => pair.Key.Series, StringComparer.Ordinal)
            .Select(pair => pair.Value.Copy(pair.Key.TimestampNs)),
    ];

    public void Refused(LineProtocolError error) => Violate(TelegrafViolationKind.MalformedLine, error.ToString());

    /// <param name="timestampNs">The point's own, scaled; null where it has none.</param>
    /// <param name="nowNs">Stands for a missing timestamp.</param>
    public void Store(ParsedPoint point, long? timestampNs, long nowNs)
    {
        if (timestampNs is null)
        {
            Violate(TelegrafViolationKind.MissingTimestamp, Describe(point, nowNs));
        }

        var at = timestampNs ?? nowNs;
        if (!point.Tags.Any(tag => tag.Key == "host"))
        {
            Violate(TelegrafViolationKind.MissingHostTag, Describe(point, at));
        }

        CheckKinds(point, at);
        var key = (SeriesOf(point), at);
        if (!_points.TryGetValue(key, out var entry))
        {
            _points.Add(key, entry = new Entry(point.Measurement, point.Tags, nowNs));
        }

        CheckRewrite(entry, point, at);
        foreach (var (field, value) in point.Fields)
        {
            entry.Fields[field] = value;
        }

        entry.Writes++;
        if (point.Measurement == Fleet && Revision(point) is { } revision)
        {
            entry.Revisions.Add(revision);
            if (revision >= entry.Highest.Revision)
            {
                entry.Highest = new Held(revision, IntegerOf(point, "contributors"), IntegerOf(point, "requests"));
            }
        }
    }

    private void CheckKinds(ParsedPoint point, long at)
    {
        foreach (var (field, value) in point.Fields)
        {
            if (!_kinds.TryAdd((point.Measurement, field), value.Kind) && _kinds[(point.Measurement, field)] is var first && first != value.Kind)
            {
                Violate(TelegrafViolationKind.FieldTypeConflict, $"{field} was {first}, is {value.Kind}: {Describe(point, at)}");
            }
        }
    }

    private void CheckRewrite(Entry entry, ParsedPoint point, long at)
    {
        if (entry.Writes == 0 || !point.Measurement.StartsWith("vibe_", StringComparison.Ordinal))
        {
            return;
        }

        var vanished = entry.Fields.Keys.Except(point.Fields.Select(field => field.Key)).ToList();
        if (vanished.Count > 0)
        {
            Violate(TelegrafViolationKind.FieldVanished, $"{string.Join(", ", vanished)}: {Describe(point, at)}");
        }

        if (point.Measurement != Fleet || Revision(point) is not { } revision || entry.Revisions.Count == 0)
        {
            return;
        }

        if (revision < entry.Revisions.Max())
        {
            Violate(TelegrafViolationKind.RevisionFell, $"{revision} came after {entry.Revisions.Max()}: {Describe(point, at)}");
        }
        else if (revision == entry.Revisions[^1] && point.Fields.Any(field => !entry.Fields.TryGetValue(field.Key, out var old) || old != field.Value))
        {
            Violate(TelegrafViolationKind.RevisionRewritten, $"{revision} came again with other values: {Describe(point, at)}");
        }
        else if (revision > entry.Highest.Revision)
        {
            CheckFall(TelegrafViolationKind.ContributorsFell, entry.Highest.Contributors, "contributors", revision, entry, point, at);
            CheckFall(TelegrafViolationKind.RequestsFell, entry.Highest.Requests, "requests", revision, entry, point, at);
        }
    }

    private void CheckFall(TelegrafViolationKind kind, long? before, string field, long revision, Entry entry, ParsedPoint point, long at)
    {
        if (IntegerOf(point, field) is { } now && now < before)
        {
            Violate(kind, $"revision {revision} holds {now} {field}, revision {entry.Highest.Revision} held {before}: {Describe(point, at)}");
        }
    }

    private void Violate(TelegrafViolationKind kind, string text)
    {
        if (_violations.Count < MaxViolations)
        {
            _violations.Add(new TelegrafViolation(kind, text));
        }
    }

    private static long? Revision(ParsedPoint point) => IntegerOf(point, "revision");

    private static long? IntegerOf(ParsedPoint point, string name) =>
        point.Fields.FirstOrDefault(field => field.Key == name) is { Key: not null, Value.Kind: FieldKind.Integer } field ? field.Value.Integer : null;

    // The reader lets no control character into a name, so none can forge a separator.
    private static string SeriesOf(ParsedPoint point) =>
        point.Measurement + string.Concat(point.Tags.Select(tag => $"\u0001{tag.Key}\u0002{tag.Value}"));

    private static string Describe(ParsedPoint point, long at) => string.Create(
        CultureInfo.InvariantCulture,
        $"{point.Measurement}{string.Concat(point.Tags.Select(tag => $",{tag.Key}={tag.Value}"))} {at}");

    /// <summary>What the highest revision of a fleet point held.</summary>
    private readonly record struct Held(long Revision, long? Contributors, long? Requests);

    private sealed class Entry(string measurement, IReadOnlyList<KeyValuePair<string, string>> tags, long firstWriteNs)
    {
        private readonly Dictionary<string, string> _tags = new(tags, StringComparer.Ordinal);

        public string Measurement { get; } = measurement;

        public Dictionary<string, FieldValue> Fields { get; } = new(StringComparer.Ordinal);

        public List<long> Revisions { get; } = [];

        public Held Highest { get; set; }

        public long Writes { get; set; }

        public StoredPoint Copy(long timestampNs) =>
            new(Measurement, _tags, timestampNs, new Dictionary<string, FieldValue>(Fields, StringComparer.Ordinal), [.. Revisions], Writes) { FirstWriteNs = firstWriteNs };
    }
}
