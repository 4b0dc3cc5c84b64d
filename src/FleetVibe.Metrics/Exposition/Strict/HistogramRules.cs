using System.Globalization;

namespace FleetVibe.Metrics.Exposition.Strict;

/// <summary>Buckets, count and sum of the histograms of one OpenMetrics family, one metric after the other.</summary>
internal sealed class HistogramRules
{
    private string? _group;
    private double? _timestamp;
    private double? _bound;
    private double _inBucket;
    private double? _count;
    private bool _hasSum;
    private bool _hasGaugeSum;
    private bool _hasNegativeBound;
    private bool _hasNegativeGaugeSum;
    private bool _isOpen;

    /// <param name="group">Labels of the metric, <c>le</c> apart.</param>
    public string? Add(StrictSample sample, string suffix, string group)
    {
        if (_isOpen && (_group != group || _timestamp != sample.Timestamp))
        {
            if (Fault() is { } fault)
            {
                return fault;
            }

            (_bound, _inBucket, _count) = (null, 0, null);
            _hasSum = _hasGaugeSum = _hasNegativeBound = _hasNegativeGaugeSum = false;
        }

        (_isOpen, _group, _timestamp) = (true, group, sample.Timestamp);
        switch (suffix)
        {
            case "_bucket":
                return AddBucket(ExpositionBound(sample.Labels["le"]), sample.Value);
            case "_count" or "_gcount":
                _count = sample.Value;
                break;
            case "_sum":
                _hasSum = true;
                break;
            case "_gsum":
                _hasGaugeSum = true;
                _hasNegativeGaugeSum |= sample.Value < 0;
                break;
            default:
                break;
        }

        return null;
    }

    /// <summary>What is wrong with the metric that ends here.</summary>
    public string? Fault()
    {
        if (!_isOpen)
        {
            return null;
        }

        return _bound != double.PositiveInfinity ? "no +Inf bucket"
            : _count is { } count && count != _inBucket ? "the count is not that of the +Inf bucket"
            : (_hasSum || _hasGaugeSum) && _count is null ? "a sum without a count"
            : !(_hasSum || _hasGaugeSum) && _count is not null ? "a count without a sum"
            : _hasNegativeBound && _hasSum ? "a sum although there are buckets below zero, so it may fall"
            : !_hasNegativeBound && _hasNegativeGaugeSum ? "a sum below zero without buckets below zero"
            : null;
    }

    private string? AddBucket(double bound, double value)
    {
        _hasNegativeBound |= bound < 0;
        if (bound <= _bound)
        {
            return "buckets out of order";
        }

        if (value < _inBucket)
        {
            return "a bucket with less than the one before";
        }

        (_bound, _inBucket) = (bound, value);
        return null;
    }

    private static double ExpositionBound(string le) =>
        le == "+Inf" ? double.PositiveInfinity : double.Parse(le, NumberStyles.Float, CultureInfo.InvariantCulture);
}
