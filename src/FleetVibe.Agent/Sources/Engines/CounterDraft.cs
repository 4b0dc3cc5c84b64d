using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>The lines of one counter as they come; a doubled line is the larger of the two.</summary>
internal sealed class CounterDraft(EngineFamily family, string process, SeriesId series, Measure measure)
{
    private readonly HistogramDraft? _histogram = family.IsHistogram ? new HistogramDraft() : null;
    private long? _total;

    public string Process => process;

    public SeriesId Series => series;

    public Measure Measure => measure;

    public bool IsBehindRay { get; init; }

    public double? Created { get; private set; }

    /// <summary>More than a start time stands on the page.</summary>
    public bool HasValue { get; private set; }

    /// <summary>False where the line is no part of such a family.</summary>
    public bool Add(SamplePart part, double upperBound, double value)
    {
        HasValue |= part != SamplePart.Created;
        switch (part)
        {
            case SamplePart.Created:
                Created = Math.Max(Created ?? 0, value);
                return true;
            case SamplePart.Bucket when _histogram is not null:
                // A unit that is a power of ten must not bring the noise of a product: 0.1 s is 100 ms exactly.
                _histogram.AddBucket(InSeconds(upperBound), value);
                return true;
            case SamplePart.Count when _histogram is not null:
                _histogram.AddCount(value);
                return true;
            case SamplePart.Sum when _histogram is not null:
                _histogram.AddSum(InSeconds(value));
                return true;
            case var counted when _histogram is null && counted == family.Part:
                _total = CountValue.From(value) is { } total ? Math.Max(_total ?? 0, total) : _total;
                return true;
            default:
                return false;
        }
    }

    public (long? Total, ClassicHistogram? Histogram) Build() => _histogram?.Build() ?? (_total, null);

    private double InSeconds(double value) => family.Scale < 1 ? value / Math.Round(1 / family.Scale) : value * family.Scale;
}
