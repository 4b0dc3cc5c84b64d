using System.Text;

namespace FleetVibe.Metrics.Exposition.Strict;

/// <summary>What a sample of an OpenMetrics family must be by itself.</summary>
internal static class SampleRules
{
    /// <param name="suffix">What the sample's name has beyond its family's.</param>
    public static string? Fault(StrictSample sample, string suffix, string? type) =>
        LabelFault(sample, suffix, type) ?? ValueFault(sample.Value, suffix, type)
        ?? (sample.HasExemplar && !MayHaveExemplar(suffix, type) ? "an exemplar on what is neither a bucket nor a counter" : null);

    private static string? LabelFault(StrictSample sample, string suffix, string? type)
    {
        switch (type, suffix)
        {
            case ("stateset", _):
                return sample.Labels.ContainsKey(sample.Name) ? null : $"a stateset without its label {sample.Name}";
            case ("summary", ""):
                return sample.Labels.TryGetValue("quantile", out var quantile)
                    && StrictSample.IsNumber(Encoding.UTF8.GetBytes(quantile), out var level) && level is >= 0 and <= 1
                    ? null
                    : "a summary whose quantile is no number from 0 to 1";
            case (_, "_bucket"):
                return sample.Labels.TryGetValue("le", out var le)
                    && StrictSample.IsNumber(Encoding.UTF8.GetBytes(le), out var bound) && !double.IsNaN(bound)
                    && (!double.IsPositiveInfinity(bound) || le == "+Inf")
                    ? null
                    : "a bucket whose le is no number, or not +Inf as it must be written";
            default:
                return null;
        }
    }

    private static string? ValueFault(double value, string suffix, string? type)
    {
        if (suffix is "_total" or "_sum" or "_count" or "_bucket" or "_gcount" or "_gsum")
        {
            if (double.IsNaN(value))
            {
                return "a count or sum that is NaN";
            }

            if (value < 0 && suffix != "_gsum")
            {
                return "a count or sum below zero";
            }
        }

        return (type, suffix) switch
        {
            (_, "_bucket" or "_count" or "_gcount") when Math.Floor(value) != value || double.IsInfinity(value) => "a count that is no whole number",
            ("stateset", _) when value is not (0 or 1) => "a stateset value that is neither 0 nor 1",
            ("info", _) when value != 1 => "an info value that is not 1",
            ("summary", "") when value < 0 => "a quantile below zero",
            _ => null,
        };
    }

    private static bool MayHaveExemplar(string suffix, string? type) =>
        (type, suffix) is ("histogram" or "gaugehistogram", "_bucket") or ("counter", "_total");
}
