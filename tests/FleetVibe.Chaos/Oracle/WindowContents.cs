using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.Chaos.Oracle;

/// <summary>What windows say beside their requests: sums and percentiles where the window is whole, order and bounds everywhere.</summary>
internal static class WindowContents
{
    /// <summary>Promise P5: relative error of a percentile over exact values.</summary>
    internal const double Bound = 0.0055;

    private static readonly int[] PerMille = [500, 950, 990];
    private static readonly string[] Names = ["p50", "p95", "p99"];
    private static readonly string[] Distributions = ["response_time", "ttft"];

    // Three roundings to the nearest double may separate equal values that were computed in another order.
    private const double Rounding = 1e-9;

    /// <summary>Compares every window that holds exactly the requests of the truth, at every level.</summary>
    public static void Compare(ModelTruth truth, FleetPoints points, Findings findings)
    {
        foreach (var level in WindowLevel.All)
        {
            var windows = truth.Windows(level);
            foreach (var (start, point) in points.Windows(truth.Model, level))
            {
                if (windows.GetValueOrDefault(start) is not { } window || window.Requests != FleetPoints.Requests(point))
                {
                    continue;
                }

                var where = level.Describe(truth.Model, start);
                findings.Equal("errors", where, window.Errors, point.Integer("errors") ?? 0);
                findings.Equal("length_limited", where, window.LengthLimited, point.Integer("length_limited") ?? 0);
                findings.Equal("input_tokens", where, window.InputTokens, point.Integer("input_tokens") ?? 0);
                findings.Equal("output_tokens", where, window.OutputTokens, point.Integer("output_tokens") ?? 0);
                ComparePercentiles(window.PercentilesMs(PerMille), point, where, findings);
            }
        }
    }

    /// <summary>Whether the percentiles of a point rise and lie inside their bounds.</summary>
    public static void CheckBounds(FleetPoints points, Findings findings)
    {
        foreach (var point in points.All)
        {
            foreach (var distribution in Distributions)
            {
                CheckBounds(distribution, point, findings);
            }
        }
    }

    private static void ComparePercentiles(IReadOnlyList<double> exact, StoredPoint point, string where, Findings findings)
    {
        for (var i = 0; i < exact.Count; i++)
        {
            var field = $"response_time_{Names[i]}_ms";
            var published = point.Float(field);
            var error = published is null ? double.PositiveInfinity : Math.Abs(published.Value - exact[i]) / exact[i];
            if (published is not null)
            {
                findings.WorstPercentileError = Math.Max(findings.WorstPercentileError, error);
            }

            if (error > Bound)
            {
                findings.Add(field, where, exact[i], published ?? double.NaN, published is null ? "absent" : $"off by {error:P2}");
            }
        }
    }

    private static void CheckBounds(string distribution, StoredPoint point, Findings findings)
    {
        var where = $"{point.Tags.GetValueOrDefault("model")} {point.Tags.GetValueOrDefault("window")} {point.At:s}Z";
        var below = 0.0;
        foreach (var name in Names)
        {
            if (point.Float($"{distribution}_{name}_ms") is not { } value)
            {
                continue;
            }

            AtLeast($"{distribution}_{name}_ms", below, value, "below a lower percentile");
            if (point.Float($"{distribution}_{name}_lo_ms") is { } low)
            {
                AtLeast($"{distribution}_{name}_ms", low, value, "below its lower bound");
            }

            if (point.Float($"{distribution}_{name}_hi_ms") is { } high)
            {
                AtLeast($"{distribution}_{name}_hi_ms", value, high, "upper bound below the percentile");
            }

            below = value;
        }

        void AtLeast(string what, double least, double got, string detail)
        {
            if (got < least * (1 - Rounding))
            {
                findings.Add(what, where, least, got, detail);
            }
        }
    }
}
