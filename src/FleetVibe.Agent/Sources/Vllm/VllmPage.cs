using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.Vllm;

/// <summary>One vLLM page, read: counters of every engine rank, and gauges per fleet series.</summary>
internal sealed class VllmPage
{
    /// <summary>Further series of a page are left out and counted: no real one has a tenth of them.</summary>
    internal const int MaxSeries = 2000;

    private const int MaxLabelBytes = 4096;
    private const int MaxModelLength = 256;

    private readonly VllmSourceSettings _settings;
    private readonly Dictionary<string, Draft> _drafts = new(StringComparer.Ordinal);
    private readonly Dictionary<(int Family, string Labels), (SeriesId Series, double Value)> _gauges = [];
    private readonly HashSet<int> _families = [];
    private double? _processStart;
    private bool _processStartIsAmbiguous;

    private VllmPage(VllmSourceSettings settings) => _settings = settings;

    public IReadOnlyList<CounterReading> Readings { get; private set; } = [];

    public IReadOnlyList<ModelGauges> Gauges { get; private set; } = [];

    public long Skipped { get; private set; }

    /// <summary>Nothing of the page was left out.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The body was cut off, and its values cannot be used.</summary>
    public bool IsTruncated { get; private set; }

    /// <summary>Samples of known families.</summary>
    public int Samples { get; private set; }

    /// <summary>Names of the families found, without prefix, sorted.</summary>
    public IReadOnlyList<string> Families => [.. _families.Select(VllmFamilies.NameOf).Order(StringComparer.Ordinal)];

    public static VllmPage Read(VllmSourceSettings settings, FetchedPage body)
    {
        var page = new VllmPage(settings);
        var reader = new ExpositionReader(PageBody.WholeLines(body, out var cutOff), VllmFamilies.Filter);
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
        if (reader.FamilyId == VllmFamilies.ProcessStart)
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

        Samples++;
        _families.Add(reader.FamilyId);
        if (reader.FamilyId <= VllmFamilies.GpuCache)
        {
            AddGauge(ref reader);
        }
        else
        {
            AddCounter(ref reader);
        }
    }

    private void AddGauge(ref ExpositionReader reader)
    {
        if (reader.Part != SamplePart.Value || _gauges.Count >= MaxSeries)
        {
            return;
        }

        if (!double.IsFinite(reader.Value) || reader.Value is < 0 or > 1e9)
        {
            Skipped++;
            return;
        }

        var key = (reader.FamilyId, SeriesLabels.Without(reader.Labels, "le", "finished_reason"));
        _gauges[key] = _gauges.TryGetValue(key, out var twin) && twin.Value >= reader.Value ? twin : (SeriesOf(ref reader), reader.Value);
    }

    private void AddCounter(ref ExpositionReader reader)
    {
        var isHistogram = reader.FamilyId is VllmFamilies.ResponseTime or VllmFamilies.Ttft;
        var process = SeriesLabels.Without(reader.Labels, "le", "finished_reason");
        var reason = reader.FamilyId == VllmFamilies.RequestSuccess ? reader.GetLabel("finished_reason"u8) ?? "" : null;
        var key = $"{reader.FamilyId}{{{process}}}{reason}";
        if (!_drafts.TryGetValue(key, out var draft))
        {
            if (_drafts.Count >= MaxSeries)
            {
                Skipped++;
                return;
            }

            draft = new Draft(process, SeriesOf(ref reader), MeasureOf(reader.FamilyId, reason), isHistogram ? new HistogramDraft() : null)
            {
                IsBehindRay = reader.Name.StartsWith("ray_"u8),
            };
            _drafts[key] = draft;
        }

        draft.HasValue |= reader.Part != SamplePart.Created;
        switch (reader.Part)
        {
            case SamplePart.Created:
                draft.Created = Math.Max(draft.Created ?? 0, reader.Value);
                break;
            case SamplePart.Bucket when isHistogram:
                draft.Histogram!.AddBucket(reader.UpperBound, reader.Value);
                break;
            case SamplePart.Count when isHistogram:
                draft.Histogram!.AddCount(reader.Value);
                break;
            case SamplePart.Sum when isHistogram:
                draft.Histogram!.AddSum(reader.Value);
                break;
            case SamplePart.Value when !isHistogram:
                draft.Total = CountValue.From(reader.Value) is { } total ? Math.Max(draft.Total ?? 0, total) : draft.Total;
                break;
            default:
                Skipped++;
                break;
        }
    }

    private CounterReading Finish(string key, Draft draft, DateTimeOffset at)
    {
        var (total, histogram) = draft.Histogram?.Build() ?? (draft.Total, null);
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
            var values = group.ToLookup(g => g.Key.Family, g => g.Value.Value);
            var kv = values[VllmFamilies.KvCache].DefaultIfEmpty(double.NaN).Average();
            kv = double.IsNaN(kv) ? values[VllmFamilies.GpuCache].DefaultIfEmpty(double.NaN).Average() : kv;
            folded.Add(new ModelGauges(group.Key, at)
            {
                Running = SumOf(values[VllmFamilies.Running]),
                Waiting = SumOf(values[VllmFamilies.Waiting]),
                KvCachePercent = double.IsNaN(kv) ? null : Math.Min(kv, 1) * 100,
            });
        }

        return folded;
    }

    private static long? SumOf(IEnumerable<double> values)
    {
        long? sum = null;
        foreach (var value in values)
        {
            sum = (sum ?? 0) + (long)Math.Round(value);
        }

        return sum;
    }

    private SeriesId SeriesOf(ref ExpositionReader reader)
    {
        // Triton's backend calls the label model.
        var model = _settings.Model ?? reader.GetLabel("model_name"u8) ?? reader.GetLabel("model"u8) ?? "unknown";
        return new SeriesId((model.Length > MaxModelLength ? model[..MaxModelLength] : model).ReplaceLineEndings(" "), _settings.Task ?? "default", _settings.Variant ?? "");
    }

    private static Measure MeasureOf(int family, string? reason) => family switch
    {
        VllmFamilies.PromptTokens => Measure.InputTokens,
        VllmFamilies.GenerationTokens => Measure.OutputTokens,
        VllmFamilies.ResponseTime => Measure.ResponseTime,
        VllmFamilies.Ttft => Measure.Ttft,
        _ => VllmFamilies.FinishOf(reason),
    };

    private sealed record Draft(string Process, SeriesId Series, Measure Measure, HistogramDraft? Histogram)
    {
        public bool IsBehindRay { get; init; }

        public double? Created { get; set; }

        /// <summary>More than a start time stands on the page.</summary>
        public bool HasValue { get; set; }

        public long? Total { get; set; }
    }
}
