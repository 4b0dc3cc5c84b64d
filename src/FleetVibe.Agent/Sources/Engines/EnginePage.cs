using System.Text;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>How one source names its series.</summary>
/// <param name="Model">Null leaves it to the page.</param>
/// <param name="KeyPrefix">Begins the keys of counters, so that those of two engines under one address never meet.</param>
internal sealed record SeriesNaming(string? Model, string? Task, string? Variant, string KeyPrefix = "");

/// <summary>One page of an engine, read by its table: counters of every process, and gauges per fleet series.</summary>
internal sealed class EnginePage
{
    /// <summary>Further series of a page are left out and counted: no real one has a tenth of them.</summary>
    internal const int MaxSeries = 2000;

    private const int MaxLabelBytes = 4096;
    private const int MaxModelLength = 256;
    private const double MaxGauge = 1e9;

    private readonly EngineTable _table;
    private readonly SeriesNaming _naming;
    private readonly EngineAside _aside;
    private readonly string[] _otherThanIdentity;
    private readonly string[] _otherOfFinished;
    private readonly string[] _open;
    private readonly byte[][] _modelLabels;
    private readonly Dictionary<string, CounterDraft> _drafts = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Slot, string Labels), (MappedFamily Mapped, SeriesId Series, double Value)> _gauges = [];
    private readonly SortedSet<string> _families = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _otherModels = new(StringComparer.Ordinal);
    private double? _processStart;
    private bool _processStartIsAmbiguous;

    private EnginePage(EngineTable table, SeriesNaming naming, EngineAside aside)
    {
        _table = table;
        _naming = naming;
        _aside = aside;
        _otherThanIdentity = ["le", .. table.OnceLabels];

        // In any other family such a label tells rows apart.
        _otherOfFinished = [.. _otherThanIdentity, .. table.ReasonLabels];
        _open = [.. _otherOfFinished, .. table.OpenLabels ?? []];
        _modelLabels = [.. table.ModelLabels.Select(Encoding.UTF8.GetBytes)];
    }

    public IReadOnlyList<CounterReading> Readings { get; private set; } = [];

    public IReadOnlyList<ModelGauges> Gauges { get; private set; } = [];

    public long Skipped { get; private set; }

    /// <summary>Nothing of the page was left out.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The body was cut off, and its values cannot be used.</summary>
    public bool IsTruncated { get; private set; }

    /// <summary>Samples of known families.</summary>
    public int Samples { get; private set; }

    /// <summary>Names of the families found, as the table writes them, sorted.</summary>
    public IReadOnlyCollection<string> Families => _families;

    /// <summary>Models whose rows were left out because another one is configured.</summary>
    public IReadOnlyCollection<string> OtherModels => _otherModels;

    public static EnginePage Read(EngineTable table, SeriesNaming naming, FetchedPage body)
    {
        var page = new EnginePage(table, naming, EngineAside.Of(body));

        // Some llama.cpp builds send the page as one JSON string.
        body = body with { Body = ExpositionBody.Unquote(body.Body) };
        var reader = new ExpositionReader(PageBody.WholeLines(body, out var cutOff), table.Filter);
        while (reader.Read())
        {
            page.Add(ref reader);
        }

        page.IsTruncated = reader.IsTruncated;
        page.Skipped += reader.SkippedLines + (cutOff ? 1 : 0);
        page.Readings = [.. page._drafts.Where(d => d.Value.HasValue).Select(d => page.Finish(d.Key, d.Value, body.At))];
        page.Gauges = page.FoldGauges(body.At);
        page.IsComplete = page.Skipped == 0;
        return page;
    }

    private void Add(ref ExpositionReader reader)
    {
        if (reader.FamilyId == EngineTable.ProcessStart)
        {
            // Behind Ray the counters are of other processes than the one that answers.
            if (!reader.Name.StartsWith("ray_"u8))
            {
                _processStartIsAmbiguous |= _processStart is { } known && known != reader.Value;
                _processStart = reader.Value;
            }

            return;
        }

        if (reader.Labels.Length > MaxLabelBytes)
        {
            Skipped++;
            return;
        }

        if (_table.ModelSelects && _naming.Model is { } chosen && ModelOnPage(ref reader) is { } model && model != chosen)
        {
            _otherModels.Add(model);
            return;
        }

        Samples++;
        foreach (var mapped in _table.Mapped(reader.FamilyId))
        {
            _families.Add(mapped.Family.Name);
            if (!Takes(_table.Where, ref reader) || !Takes(mapped.Family.Where, ref reader))
            {
                continue;
            }

            if (mapped.Family.IsGauge)
            {
                AddGauge(ref reader, mapped);
            }
            else
            {
                AddCounter(ref reader, mapped);
            }
        }
    }

    private static bool Takes(IReadOnlyList<LabelRule> rules, ref ExpositionReader reader)
    {
        foreach (var rule in rules)
        {
            if (!rule.Takes(reader.GetLabel(rule.LabelBytes)))
            {
                return false;
            }
        }

        return true;
    }

    private void AddGauge(ref ExpositionReader reader, MappedFamily mapped)
    {
        if (reader.Part != SamplePart.Value || _gauges.Count >= MaxSeries)
        {
            return;
        }

        if (!double.IsFinite(reader.Value) || reader.Value is < 0 or > MaxGauge)
        {
            Skipped++;
            return;
        }

        var key = (mapped.Slot, IdentityOf(ref reader, mapped.Family));
        _gauges[key] = _gauges.TryGetValue(key, out var twin) && twin.Value >= reader.Value ? twin : (mapped, SeriesOf(ref reader), reader.Value);
    }

    private void AddCounter(ref ExpositionReader reader, MappedFamily mapped)
    {
        var family = mapped.Family;

        // A summary's quantiles, and what of a histogram is not the counter.
        if (!family.IsHistogram && reader.Part != family.Part && reader.Part != SamplePart.Created && IsPartOfDistribution(family, reader.Part))
        {
            return;
        }

        var identity = IdentityOf(ref reader, family);
        var reason = family.ReasonLabel is { } label ? reader.GetLabel(Encoding.UTF8.GetBytes(label)) ?? "" : null;
        var key = $"{_naming.KeyPrefix}{mapped.Slot}{{{identity}}}{reason}";
        if (!_drafts.TryGetValue(key, out var draft))
        {
            if (_drafts.Count >= MaxSeries)
            {
                Skipped++;
                return;
            }

            var process = _table.ProcessLabels is { } labels ? SeriesLabels.Only(reader.Labels, labels) : identity;
            draft = new CounterDraft(family, _naming.KeyPrefix + process, SeriesOf(ref reader), MeasureOf(family, reason))
            {
                IsBehindRay = reader.Name.StartsWith("ray_"u8),
            };
            _drafts[key] = draft;
        }

        if (!draft.Add(reader.Part, reader.UpperBound, reader.Value, reader.Name.EndsWith("_total"u8)))
        {
            Skipped++;
        }
    }

    private static bool IsPartOfDistribution(EngineFamily family, SamplePart part) =>
        family.Part is SamplePart.Sum or SamplePart.Count || part == SamplePart.Quantile;

    private CounterReading Finish(string key, CounterDraft draft, DateTimeOffset at)
    {
        var (total, histogram) = draft.Build();
        if (total is null)
        {
            Skipped++;
        }

        var processStart = draft.IsBehindRay || _processStartIsAmbiguous ? null : _processStart;
        return new CounterReading(key, draft.Process, draft.Series, draft.Measure)
        {
            Total = total,
            Histogram = histogram,
            Started = StartTime.From(draft.Created, ofSeries: true, at) ?? StartTime.From(processStart, ofSeries: false, at),
        };
    }

    private List<ModelGauges> FoldGauges(DateTimeOffset at)
    {
        var folded = new List<ModelGauges>();
        foreach (var group in _gauges.GroupBy(g => g.Value.Series))
        {
            var kv = Best(group.Select(g => (g.Value.Mapped, g.Value.Value)), Figure.KvCache);
            folded.Add(new ModelGauges(group.Key, at)
            {
                Running = _aside.Running ?? SumOf(Best(group.Select(g => (g.Value.Mapped, g.Value.Value)), Figure.Running)),
                Waiting = SumOf(Best(group.Select(g => (g.Value.Mapped, g.Value.Value)), Figure.Waiting)),
                KvCachePercent = kv.Count == 0 ? null : Math.Min(kv.Average(), 1) * 100,
            });
        }

        return folded;
    }

    // Of several families for one figure the best on the page.
    private static List<double> Best(IEnumerable<(MappedFamily Mapped, double Value)> gauges, Figure figure)
    {
        var ofFigure = gauges.Where(g => g.Mapped.Family.Figure == figure).ToList();
        var best = ofFigure.Count == 0 ? 0 : ofFigure.Min(g => g.Mapped.Rank);
        return [.. ofFigure.Where(g => g.Mapped.Rank == best).Select(g => g.Value * g.Mapped.Family.Scale)];
    }

    private static long? SumOf(List<double> values) => values.Count == 0 ? null : values.Sum(value => (long)Math.Round(value));

    private string IdentityOf(ref ExpositionReader reader, EngineFamily family)
    {
        if (_table.OpenLabels is not { } open)
        {
            return SeriesLabels.Without(reader.Labels, family.ReasonLabel is null ? _otherThanIdentity : _otherOfFinished);
        }

        var hidden = SeriesLabels.Without(reader.Labels, _open);
        return $"{SeriesLabels.Only(reader.Labels, open)},#{StableHash.Of(hidden):x16}";
    }

    private SeriesId SeriesOf(ref ExpositionReader reader)
    {
        var model = _naming.Model ?? ModelOnPage(ref reader) ?? _aside.Model ?? "unknown";
        return new SeriesId(
            (model.Length > MaxModelLength ? model[..MaxModelLength] : model).ReplaceLineEndings(" "), _naming.Task ?? "default", _naming.Variant ?? "");
    }

    private string? ModelOnPage(ref ExpositionReader reader)
    {
        foreach (var label in _modelLabels)
        {
            if (reader.GetLabel(label) is { Length: > 0 } model)
            {
                return model;
            }
        }

        return null;
    }

    private static Measure MeasureOf(EngineFamily family, string? reason) => family.Figure switch
    {
        Figure.InputTokens => Measure.InputTokens,
        Figure.OutputTokens => Measure.OutputTokens,
        Figure.ResponseTime => Measure.ResponseTime,
        Figure.Ttft => Measure.Ttft,
        Figure.Requests => Measure.Requests,
        Figure.Succeeded => Measure.Succeeded,
        Figure.Errors => Measure.Errors,
        Figure.LengthLimited => Measure.LengthLimited,
        _ => family.FinishOf(reason),
    };
}
