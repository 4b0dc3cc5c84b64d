using System.Globalization;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.VibeThinker;

/// <summary>
/// A script's JSON summary to deltas of its counters and to gauges. Without <c>requests</c> it brings tokens and errors only;
/// its latency is a mean of unknown length and enters no distribution.
/// </summary>
internal sealed class VibeThinkerAdapter : IPolledAdapter
{
    internal const string DefaultModel = "vibethinker-1.5b";
    internal const string DefaultTask = "algorithm_reasoning";

    private readonly SeriesId _series;
    private readonly IReadOnlyList<SummaryFigure> _figures;
    private readonly string _place;

    public VibeThinkerAdapter(VibeThinkerSourceSettings settings)
    {
        _series = new SeriesId(settings.Model ?? DefaultModel, settings.Task ?? DefaultTask, settings.Variant ?? "");
        _figures = SummaryMap.Figures(settings.Map);
        _place = FetchErrors.Place(settings.Endpoint);

        // Another path is another counter, whose past nobody watched.
        Origin = string.Join('\n', _figures.Where(f => f.IsCounter).Select(f => $"{f.Name}={string.Join('.', f.Path)}").Prepend(_place));
    }

    public PageWanted Wanted { get; } = new("application/json,*/*;q=0.1", DisabledCure: null);

    public string Origin { get; }

    public PolledPage Read(CounterState state, FetchedPage page)
    {
        if (PageBody.IsEmpty(page))
        {
            return new PolledPage(state);
        }

        if (SummaryBody.Read(page.Body, _figures) is not { } body)
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{_place} answers with no JSON object: is it the right port and path?");
        }

        if (!_figures.Any(f => f.Name != SummaryMap.StartTime && body.Has(f)))
        {
            return PolledPage.Failed(
                state, ErrorClass.WrongContent, $"{_place} has none of the figures; it has {string.Join(", ", body.Names)}. Name their paths in map");
        }

        var start = body[Figure(SummaryMap.StartTime)] is { } given
            ? StartBelief.OfStartTime(TrailOf(state), given, page.At)
            : BelievedStart.None;
        List<CounterReading> readings = [.. _figures.Where(f => f.IsCounter && body.Has(f)).Select(f => new CounterReading(
            f.Name,

            // A figure that is no counter after all must not make the others count anew.
            Process: f.Name,
            _series,
            MeasureOf(f.Name)) { Total = CountValue.From(body[f] ?? -1), Started = start.Started })];
        var step = CounterCore.Advance(state, new CounterPage(page.At, readings, Complete: true));
        var skips = new SampleSkips();
        foreach (var figure in _figures.Where(f => body.Has(f) && !IsUsable(f, body[f])))
        {
            skips.Add(body[figure] is { } value ? $"{figure.Name} = {value.ToString("R", CultureInfo.InvariantCulture)}" : $"{figure.Name} that is no number");
        }

        if (start.Problem.Length > 0)
        {
            skips.Add(start.Problem);
        }

        return new PolledPage(start.Trail is { } trail ? step.State with { Starts = new Dictionary<string, StartTrail> { [SummaryMap.StartTime] = trail } } : step.State)
        {
            Deltas = Fold(step.Gains, page.At),
            Gauges = [GaugesOf(body, page.At)],
            SamplesSkipped = skips.Count,
            SkippedWhy = skips.Why,
            Restarts = step.Restarted.Count > 0 ? 1 : 0,
        };
    }

    /// <summary>For a check: the counters that fell between two pages of one server, which no counter does.</summary>
    public IReadOnlyList<string> FallenCounters(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        var (before, after) = (SummaryBody.Read(first, _figures), SummaryBody.Read(second, _figures));
        return before is null || after is null
            ? []
            : [.. _figures.Where(f => f.IsCounter && before[f] is { } then && after[f] is { } now && now < then).Select(f => f.Name)];
    }

    /// <summary>For a check: the figures that a page has.</summary>
    public IReadOnlyList<string> FiguresOf(ReadOnlyMemory<byte> body) =>
        SummaryBody.Read(body, _figures) is { } read ? [.. _figures.Where(read.Has).Select(f => f.Name)] : [];

    public string Model => _series.Model;

    private List<CounterDelta> Fold(IReadOnlyList<CounterGain> gains, DateTimeOffset at)
    {
        var deltas = new SortedDictionary<DateTimeOffset, SeriesTotals>();
        foreach (var gain in gains)
        {
            if (!deltas.TryGetValue(gain.From, out var totals))
            {
                deltas[gain.From] = totals = new SeriesTotals();
            }

            totals.Requests += gain.Reading.Measure == Measure.Requests ? gain.Count : 0;
            totals.Errors += gain.Reading.Measure == Measure.Errors ? gain.Count : 0;
            totals.InputTokens += gain.Reading.Measure == Measure.InputTokens ? gain.Count : 0;
            totals.OutputTokens += gain.Reading.Measure == Measure.OutputTokens ? gain.Count : 0;
        }

        return deltas.Count == 0
            ? [new CounterDelta(_series, at, at, new SeriesTotals())]
            : [.. deltas.Select(d => new CounterDelta(_series, d.Key, at, d.Value))];
    }

    private ModelGauges GaugesOf(SummaryBody body, DateTimeOffset at) => new(_series, at)
    {
        ResponseTimeMs = body[Figure(SummaryMap.ResponseTimeMs)] is { } ms and >= 0 and < 1e10 ? ms : null,
        GpuUtilPercent = body[Figure(SummaryMap.GpuUtilPercent)] is { } percent and >= 0 and <= 100 ? percent : null,
    };

    // Each figure is a process of its own, and all began together.
    private StartTrail? TrailOf(CounterState state) => state.Starts.GetValueOrDefault(SummaryMap.StartTime)
        ?? _figures.Where(f => f.IsCounter).Select(f => state.TrailOf(f.Name)).FirstOrDefault(trail => trail is not null);

    private static bool IsUsable(SummaryFigure figure, double? value) => value is { } number && figure.Name switch
    {
        SummaryMap.ResponseTimeMs => number is >= 0 and < 1e10,
        SummaryMap.GpuUtilPercent => number is >= 0 and <= 100,
        SummaryMap.StartTime => true,
        _ => !figure.IsCounter || CountValue.From(number) is not null,
    };

    private SummaryFigure Figure(string name) => _figures.First(f => f.Name == name);

    private static Measure MeasureOf(string name) => name switch
    {
        SummaryMap.Requests => Measure.Requests,
        SummaryMap.Errors => Measure.Errors,
        SummaryMap.InputTokens => Measure.InputTokens,
        _ => Measure.OutputTokens,
    };
}
