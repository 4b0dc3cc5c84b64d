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

    private static readonly string[] Gauges = ["running", "waiting", "kv_cache_percent", "response_time_ms", "gpu_util_percent"];

    public PageWanted Wanted { get; } = new("text/plain", DisabledCure: null);

    public string Origin { get; } = settings.Origin;

    public PolledPage Read(CounterState state, FetchedPage page)
    {
        var body = LineProtocolReader.Read(page.Body.Span);

        // Of one counter printed twice the last value stands.
        var rows = new Dictionary<string, Row>(StringComparer.Ordinal);
        long skipped = body.Errors.Count;
        foreach (var point in body.Points)
        {
            var tags = point.Tags.ToDictionary(StringComparer.Ordinal);
            if ((settings.Model ?? tags.GetValueOrDefault("model")) is not { Length: > 0 } model)
            {
                skipped++;
                continue;
            }

            var series = new SeriesId(
                Clean(model), Clean(settings.Task ?? tags.GetValueOrDefault("task") ?? DefaultTask), Clean(settings.Variant ?? tags.GetValueOrDefault("variant") ?? ""));
            rows[string.Join('\n', point.Tags.Select(tag => $"{tag.Key}={tag.Value}").Prepend(point.Measurement))] =
                new Row(series, point.Fields.ToDictionary(StringComparer.Ordinal));
        }

        skipped += rows.Values.Sum(row => row.Fields.Count(field => (Counters.ContainsKey(field.Key) || Gauges.Contains(field.Key)) && Number(field.Value) is null));
        var readings = rows.SelectMany(row => Readings(row.Key, row.Value, page.At)).ToList();
        var gauges = rows.Values.GroupBy(row => row.Series).Select(same => GaugesOf(same.Key, [.. same], page.At)).OfType<ModelGauges>().ToList();
        if (readings.Count == 0 && gauges.Count == 0 && (skipped > 0 || body.Points.Count > 0))
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{settings.Argv[0]}: none of its points can be used: {Explain(body)}", skipped);
        }

        var step = CounterCore.Advance(state, new CounterPage(page.At, readings, Complete: body.Errors.Count == 0));
        return new PolledPage(step.State)
        {
            Deltas = Fold(readings, step.Gains, page.At),
            Gauges = gauges,
            SamplesSkipped = skipped,
            Restarts = step.Restarted.Count > 0 ? 1 : 0,
        };
    }

    private static string Explain(LineProtocolResult body) =>
        body.Points.Count > 0
            ? $"a tag model (or model of the source) and one of the fields {string.Join(", ", Counters.Keys.Concat(Gauges))} are needed"
            : body.Errors[0].ToString();

    private static IEnumerable<CounterReading> Readings(string name, Row row, DateTimeOffset at)
    {
        // The server's start, or how long it runs: both tell a restart from a counter that went on.
        var started = Field(row, "start_time") ?? (Field(row, "uptime_s") is { } uptime ? (at - DateTimeOffset.UnixEpoch).TotalSeconds - uptime : null);
        return row.Fields.Where(field => Counters.ContainsKey(field.Key)).Select(field =>
            new CounterReading($"{name}\n{field.Key}", name, row.Series, Counters[field.Key])
            {
                Total = Number(field.Value) is { } value ? CountValue.From(value) : null,
                Started = StartTime.From(started, ofSeries: false, at),
            });
    }

    private static ModelGauges? GaugesOf(SeriesId series, IReadOnlyList<Row> rows, DateTimeOffset at)
    {
        IEnumerable<double> All(string field) => rows.Select(row => Field(row, field)).OfType<double>().Where(value => value is >= 0 and < 1e12);
        long? Sum(string field) => All(field).Any() ? (long)Math.Round(All(field).Sum()) : null;
        double? Max(string field, double limit) => All(field).Where(value => value <= limit).Cast<double?>().Max();
        return !rows.Any(row => row.Fields.Keys.Any(Gauges.Contains)) ? null : new ModelGauges(series, at)
        {
            Running = Sum("running"),
            Waiting = Sum("waiting"),
            KvCachePercent = Max("kv_cache_percent", 100),
            ResponseTimeMs = Max("response_time_ms", 1e10),
            GpuUtilPercent = Max("gpu_util_percent", 100),
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

    private static string Clean(string name) => SeriesInterner.Clean(System.Text.Encoding.UTF8.GetBytes(name));

    private sealed record Row(SeriesId Series, IReadOnlyDictionary<string, FieldValue> Fields);
}
