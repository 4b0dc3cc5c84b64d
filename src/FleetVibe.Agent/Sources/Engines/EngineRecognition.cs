using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>Whose page it is.</summary>
/// <param name="Kind">As in the configuration.</param>
/// <param name="Product">The product's own name.</param>
/// <param name="Why">What it was recognised by; ends the sentence that begins with the product.</param>
public sealed record RecognisedEngine(string Kind, string Product, string Why)
{
    /// <summary>Every family on the page that is read, and the figure it gives.</summary>
    public IReadOnlyList<(string Family, string Figure)> Families { get; init; } = [];
}

/// <summary>One figure of one model as a page shows it: counters since the engine's start, gauges as they stand.</summary>
/// <param name="Figure">Name of the field that it becomes, e.g. <c>requests</c>, <c>kv_cache_percent</c>.</param>
public sealed record PageFigure(string Model, string Figure, double Value);

/// <summary>Whose a metrics page is, and what its families become.</summary>
public static class EngineRecognition
{
    private static readonly DateTimeOffset FarOff = new(9000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly (Figure Figure, string Field)[] Fields =
    [
        (Figure.Running, "running"), (Figure.Waiting, "waiting"), (Figure.KvCache, "kv_cache_percent"), (Figure.InputTokens, "input_tokens"),
        (Figure.OutputTokens, "output_tokens"), (Figure.Finished, "requests, errors, length_limited"), (Figure.ResponseTime, "requests, response_time"),
        (Figure.Ttft, "ttft"), (Figure.Requests, "requests"), (Figure.Succeeded, "requests"), (Figure.Errors, "errors"), (Figure.LengthLimited, "length_limited"),
    ];

    /// <summary>By the names of samples or families; null where they are of no engine that is known.</summary>
    public static RecognisedEngine? Recognise(IReadOnlyCollection<string> names)
    {
        if (TableOf(names) is not { } table)
        {
            return null;
        }

        var mark = table.Marks.First(m => Fits(m, names));
        var why = mark.Prefix is { } prefix
            ? $"its families begin with {prefix}"
            : $"it has {string.Join(" and ", mark.Families)}";
        return new RecognisedEngine(table.Kind, table.Product, why) { Families = FamiliesOf(table, names) };
    }

    /// <summary>By a whole page, with the figures that it holds and how many of its samples and lines cannot be used.</summary>
    public static (RecognisedEngine Engine, IReadOnlyList<PageFigure> Figures, long Skipped)? Read(ReadOnlyMemory<byte> body)
    {
        body = ExpositionBody.Unquote(body);
        var names = PageNames.In(body);
        if (Recognise(names) is not { } engine)
        {
            return null;
        }

        var table = EngineTables.Of(engine.Kind);
        var page = EnginePage.Read(table, new SeriesNaming(null, null, null), new FetchedPage(body, null, FarOff));
        return (engine, FiguresOf(table, page), page.Skipped);
    }

    internal static EngineTable? TableOf(IReadOnlyCollection<string> names) =>
        EngineTables.All.FirstOrDefault(table => table.Marks.Any(mark => Fits(mark, names)));

    // As if everything were counted since the start, which is what a single page shows.
    private static List<PageFigure> FiguresOf(EngineTable table, EnginePage page)
    {
        var since = new CounterState("", DateTimeOffset.UnixEpoch) { SeenComplete = true };
        var (_, deltas, _) = EngineCounting.Advance(table, "", since, FarOff, page);
        List<PageFigure> figures = [];
        foreach (var ofModel in deltas.GroupBy(d => d.Series.Model, StringComparer.Ordinal))
        {
            var model = ofModel.Key;
            var totals = new SeriesTotals();
            foreach (var delta in ofModel)
            {
                totals.Merge(delta.Totals);
            }

            figures.Add(new PageFigure(model, "requests", totals.Requests));
            figures.Add(new PageFigure(model, "errors", totals.Errors));
            figures.Add(new PageFigure(model, "length_limited", totals.LengthLimited));
            figures.Add(new PageFigure(model, "input_tokens", totals.InputTokens));
            figures.Add(new PageFigure(model, "output_tokens", totals.OutputTokens));
            figures.Add(new PageFigure(model, "response_time_count", totals.ResponseTime.Count));
            figures.Add(new PageFigure(model, "ttft_count", totals.Ttft.Count));
        }

        figures.RemoveAll(figure => figure.Value == 0);
        foreach (var gauges in page.Gauges)
        {
            Add(gauges.Series.Model, "running", gauges.Running);
            Add(gauges.Series.Model, "waiting", gauges.Waiting);
            Add(gauges.Series.Model, "kv_cache_percent", gauges.KvCachePercent);
        }

        return figures;

        void Add(string model, string figure, double? value)
        {
            if (value is { } known)
            {
                figures.Add(new PageFigure(model, figure, known));
            }
        }
    }

    private static List<(string Family, string Figure)> FamiliesOf(EngineTable table, IReadOnlyCollection<string> names)
    {
        var found = names.Select(name => table.Filter.Find(System.Text.Encoding.UTF8.GetBytes(name), out _)).Where(id => id > EngineTable.ProcessStart).ToHashSet();
        return [.. found.Order().SelectMany(table.Mapped).Select(m => (m.Family.Name, Fields.First(f => f.Figure == m.Family.Figure).Field))];
    }

    private static bool Fits(EngineMark mark, IReadOnlyCollection<string> names)
    {
        if (mark.Prefix is { } prefix)
        {
            var folded = prefix.Replace(':', '_');
            return names.Any(name => Fold(name).StartsWith(folded, StringComparison.Ordinal));
        }

        var filter = new FamilyFilter(mark.Families);
        return names.Select(name => filter.Find(System.Text.Encoding.UTF8.GetBytes(name), out _)).Where(id => id >= 0).Distinct().Count() == mark.Families.Count;
    }

    private static string Fold(string name) =>
        (name.StartsWith("ray_", StringComparison.Ordinal) ? name[4..] : name).Replace(':', '_');
}
