using System.Globalization;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.JsonLog;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.LineProtocol;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.Exec;

/// <summary>
/// A command's line protocol to deltas of its counters and to gauges. Measurement and tags name a counter; the tags
/// <c>model</c>, <c>task</c> and <c>variant</c> its series; times of points are not looked at, since a counter is read now.
/// </summary>
internal sealed class ExecPointsAdapter(ExecSourceSettings settings) : IPolledAdapter
{
    private const string DefaultTask = "default";

    private static readonly Dictionary<string, Measure> Counters = new(StringComparer.Ordinal)
    {
        ["requests"] = Measure.Requests,
        ["errors"] = Measure.Errors,
        ["length_limited"] = Measure.LengthLimited,
        ["input_tokens"] = Measure.InputTokens,
        ["output_tokens"] = Measure.OutputTokens,
    };

    // The highest value that each may have.
    private static readonly Dictionary<string, double> Gauges = new(StringComparer.Ordinal)
    {
        ["running"] = 1e12, ["waiting"] = 1e12, ["kv_cache_percent"] = 100, ["response_time_ms"] = 1e10, ["gpu_util_percent"] = 100,
    };

    public PageWanted Wanted { get; } = new("text/plain", DisabledCure: null);

    public string Origin { get; } = settings.Origin;

    public PolledPage Read(CounterState state, FetchedPage page)
    {
        var body = LineProtocolReader.Read(page.Body.Span);

        // Of one counter printed twice the last value stands.
        var rows = new Dictionary<string, Row>(StringComparer.Ordinal);
        var skips = new SampleSkips();
        skips.Add(body.Errors.Count > 0 ? body.Errors[0].ToString() : "", body.Errors.Count);
        foreach (var point in body.Points)
        {
            var tags = point.Tags.ToDictionary(StringComparer.Ordinal);
            if ((settings.Model ?? tags.GetValueOrDefault("model")) is not { Length: > 0 } model)
            {
                skips.Add($"a point of {point.Measurement} without a model");
                continue;
            }

            var series = new SeriesId(
                Clean(model), Clean(settings.Task ?? tags.GetValueOrDefault("task") ?? DefaultTask), Clean(settings.Variant ?? tags.GetValueOrDefault("variant") ?? ""));
            rows[string.Join('\n', point.Tags.Select(tag => $"{tag.Key}={tag.Value}").Prepend(point.Measurement))] =
                new Row(series, point.Fields.ToDictionary(StringComparer.Ordinal));
        }

        foreach (var (name, value) in rows.Values.SelectMany(row => row.Fields).Where(field => !IsUsable(field.Key, field.Value)))
        {
            skips.Add($"{name} = {Text(value)}");
        }

        var starts = rows.ToDictionary(row => row.Key, row => StartOf(row.Value, state.TrailOf(row.Key), page.At), StringComparer.Ordinal);
        foreach (var start in starts.Values.Where(start => start.Problem.Length > 0))
        {
            skips.Add(start.Problem);
        }

        var readings = rows.SelectMany(row => Readings(row.Key, row.Value, starts[row.Key].Started)).ToList();
        var gauges = rows.Values.GroupBy(row => row.Series).Select(same => GaugesOf(same.Key, [.. same], page.At)).OfType<ModelGauges>().ToList();
        if (readings.Count == 0 && gauges.Count == 0 && (skips.Count > 0 || body.Points.Count > 0))
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{settings.Argv[0]}: none of its points can be used: {Explain(body)}", skips.Count);
        }

        var step = CounterCore.Advance(state, new CounterPage(page.At, readings, Complete: body.Errors.Count == 0));
        return new PolledPage(step.State with { Starts = Trails(starts) })
        {
            Deltas = Fold(readings, step.Gains, page.At),
            Gauges = gauges,
            SamplesSkipped = skips.Count,
            SkippedWhy = skips.Why,
            Restarts = step.Restarted.Count > 0 ? 1 : 0,
        };
    }

    private static string Explain(LineProtocolResult body) =>
        body.Points.Count > 0
            ? $"a tag model (or model of the source) and one of the fields {string.Join(", ", Counters.Keys.Concat(Gauges.Keys))} are needed"
            : body.Errors[0].ToString();

    private static IEnumerable<CounterReading> Readings(string name, Row row, StartTime? started) =>
        row.Fields.Where(field => Counters.ContainsKey(field.Key)).Select(field =>
            new CounterReading($"{name}\n{field.Key}", name, row.Series, Counters[field.Key])
            {
                Total = Number(field.Value) is { } value ? CountValue.From(value) : null,
                Started = started,
            });

    // The server's start, or how long it runs: both tell a restart from a counter that went on.
    private static BelievedStart StartOf(Row row, StartTrail? trail, DateTimeOffset at) =>
        Field(row, "start_time") is { } started ? StartBelief.OfStartTime(trail, started, at)
        : Field(row, "uptime_s") is { } uptime ? StartBelief.OfUptime(trail, uptime, at)
        : BelievedStart.None;

    private static Dictionary<string, StartTrail> Trails(Dictionary<string, BelievedStart> starts) =>
        starts.Where(start => start.Value.Trail is not null).ToDictionary(start => start.Key, start => start.Value.Trail!, StringComparer.Ordinal);

    private static bool IsUsable(string name, FieldValue value) =>
        Counters.ContainsKey(name) ? Number(value) is { } count && CountValue.From(count) is not null
        : Gauges.TryGetValue(name, out var limit) ? Number(value) is { } gauge && gauge >= 0 && gauge <= limit
        : name is not ("start_time" or "uptime_s") || Number(value) is not null;

    private static ModelGauges? GaugesOf(SeriesId series, IReadOnlyList<Row> rows, DateTimeOffset at)
    {
        IEnumerable<double> All(string field) => rows.Select(row => Field(row, field)).OfType<double>().Where(value => value >= 0 && value <= Gauges[field]);
        long? Sum(string field) => All(field).Any() ? (long)Math.Round(All(field).Sum()) : null;
        double? Max(string field) => All(field).Cast<double?>().Max();
        return !rows.Any(row => row.Fields.Keys.Any(Gauges.ContainsKey)) ? null : new ModelGauges(series, at)
        {
            Running = Sum("running"),
            Waiting = Sum("waiting"),
            KvCachePercent = Max("kv_cache_percent"),
            ResponseTimeMs = Max("response_time_ms"),
            GpuUtilPercent = Max("gpu_util_percent"),
        };
    }

    private static List<CounterDelta> Fold(IReadOnlyList<CounterReading> readings, IReadOnlyList<CounterGain> gains, DateTimeOffset at)
    {
        var deltas = new Dictionary<(SeriesId Series, DateTimeOffset From), SeriesTotals>();
        foreach (var gain in gains)
        {
            var key = (gain.Reading.Series, gain.From);
            if (!deltas.TryGetValue(key, out var totals))
            {
                deltas[key] = totals = new SeriesTotals();
            }

            Add(totals, gain.Reading.Measure, gain.Count);
        }

        // A series without a gain is named all the same: the command knows it.
        foreach (var series in readings.Select(reading => reading.Series).Distinct().Where(series => !deltas.Keys.Any(key => key.Series == series)).ToList())
        {
            deltas[(series, at)] = new SeriesTotals();
        }

        return [.. deltas.OrderBy(delta => delta.Key.From).Select(delta => new CounterDelta(delta.Key.Series, delta.Key.From, at, delta.Value))];
    }

    private static void Add(SeriesTotals totals, Measure measure, long count)
    {
        totals.Requests += measure == Measure.Requests ? count : 0;
        totals.Errors += measure == Measure.Errors ? count : 0;
        totals.LengthLimited += measure == Measure.LengthLimited ? count : 0;
        totals.InputTokens += measure == Measure.InputTokens ? count : 0;
        totals.OutputTokens += measure == Measure.OutputTokens ? count : 0;
    }

    private static double? Field(Row row, string name) => row.Fields.TryGetValue(name, out var value) ? Number(value) : null;

    private static double? Number(FieldValue value) => value.Kind switch
    {
        FieldKind.Float when double.IsFinite(value.Float) => value.Float,
        FieldKind.Integer => value.Integer,
        FieldKind.Unsigned => value.Unsigned,
        _ => null,
    };

    private static string Text(FieldValue value) => Number(value) is { } number
        ? number.ToString("R", CultureInfo.InvariantCulture)
        : value.Kind == FieldKind.Float ? "a value that is not finite" : "a value that is no number";

    private static string Clean(string name) => SeriesInterner.Clean(System.Text.Encoding.UTF8.GetBytes(name));

    private sealed record Row(SeriesId Series, IReadOnlyDictionary<string, FieldValue> Fields);
}
