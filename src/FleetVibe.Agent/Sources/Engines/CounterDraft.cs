using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>The lines of one counter as they come; a doubled line is the larger of the two, and one named <c>_total</c> goes before one that is not.</summary>
internal sealed class CounterDraft(EngineFamily family, string process, SeriesId series, Measure measure)
{
    private readonly HistogramDraft? _histogram = family.IsHistogram ? new HistogramDraft() : null;
    private long? _total;
    private bool _isNamedTotal;

    public string Process => process;

    public SeriesId Series => series;

    public Measure Measure => measure;

    public bool IsBehindRay { get; init; }

    public double? Created { get; private set; }

    /// <summary>More than a start time stands on the page.</summary>
    public bool HasValue { get; private set; }

    /// <summary>False where the line is no part of such a family.</summary>
    /// <param name="namedTotal">Its name ends in <c>_total</c>. Newer Ray repeats each counter as a gauge without it, which may be something else.</param>
    public bool Add(SamplePart part, double upperBound, double value, bool namedTotal)
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
                AddTotal(CountValue.From(value), namedTotal);
                return true;
            default:
                return false;
        }
    }

    private void AddTotal(long? value, bool named)
    {
        if (named == _isNamedTotal)
        {
            _total = value is { } more ? Math.Max(_total ?? 0, more) : _total;
        }
        else if (named)
        {
            (_total, _isNamedTotal) = (value, true);
        }
    }

    public (long? Total, ClassicHistogram? Histogram) Build() => _histogram?.Build() ?? (_total, null);

    private double InSeconds(double value) => family.Scale < 1 ? value / Math.Round(1 / family.Scale) : value * family.Scale;
}
