using System.Globalization;
using FleetVibe.Metrics.Histograms;
using FleetVibe.Metrics.Windows;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Verbs.Demo;

/// <summary>One percentile of the fleet beside the exact nearest-rank one. Milliseconds.</summary>
/// <param name="Low">The truth is not below it; null while every value came exactly.</param>
internal sealed record PercentileRow(string Name, double ExactMs, double PublishedMs, double? Low, double? High)
{
    /// <summary>Largest relative error of a percentile of exact values.</summary>
    public const double ExactBound = 0.0055;

    private bool IsBucketed => Low is not null;

    public double ErrorPercent => (PublishedMs - ExactMs) / ExactMs * 100;

    public bool IsWithinBound => IsBucketed
        ? ExactMs >= Low && (High is null || ExactMs <= High)
        : Math.Abs(PublishedMs - ExactMs) <= ExactBound * ExactMs;

    public string Bound => IsBucketed
        ? string.Create(CultureInfo.InvariantCulture, $"truth in [{Low:0.###}, {(High is null ? "unknown" : High.Value.ToString("0.###", CultureInfo.InvariantCulture))}]")
        : string.Create(CultureInfo.InvariantCulture, $"{ExactBound * 100:0.##} %");
}

/// <summary>Whether the fleet's percentiles over a run are within the error that is stated for them. Pure.</summary>
internal sealed record PercentileVerdict(IReadOnlyList<PercentileRow> Rows, IReadOnlyList<string> Problems)
{
    private static readonly (string Name, int PerMille)[] Percentiles = [("p50", 500), ("p95", 950), ("p99", 990)];

    /// <param name="merged">All committed windows of the run.</param>
    public static PercentileVerdict Of(SeriesTotals merged, Truth truth)
    {
        List<PercentileRow> rows = [];
        List<string> problems = [];
        if (merged.Requests != truth.Count)
        {
            problems.Add($"the committed windows hold {merged.Requests} requests, the truth {truth.Count}");
        }

        Add("response_time", merged.ResponseTime, truth.Count, truth.DurationPercentileMs, rows, problems);
        if (merged.Ttft.Count > 0)
        {
            Add("ttft", merged.Ttft, truth.Count, truth.TtftPercentileMs, rows, problems);
        }

        problems.AddRange(rows.Where(r => !r.IsWithinBound).Select(r => string.Create(
            CultureInfo.InvariantCulture, $"{r.Name}: {r.PublishedMs:0.###} ms against {r.ExactMs:0.###} ms is out of its bound ({r.Bound})")));
        return new PercentileVerdict(rows, problems);
    }

    public void Write(TextWriter output) => TextTable.Write(
        output,
        ["percentile:", "exact ms", "fleet ms", "error %", "bound:", "within:"],
        Rows.Select(r => new[] { r.Name, Number(r.ExactMs), Number(r.PublishedMs), r.ErrorPercent.ToString("+0.000;-0.000", CultureInfo.InvariantCulture), r.Bound, r.IsWithinBound ? "yes" : "NO" }));

    private static void Add(string what, Distribution values, long expected, Func<int, double?> exact, List<PercentileRow> rows, List<string> problems)
    {
        if (values.Count != expected)
        {
            problems.Add($"{what}: the committed windows hold {values.Count} values, the truth {expected}");
            return;
        }

        foreach (var (name, perMille) in Percentiles)
        {
            if (exact(perMille) is { } truth && values.Quantile(perMille) is { } quantile)
            {
                rows.Add(new PercentileRow($"{what} {name}", truth, quantile.Estimate * 1000, quantile.Low * 1000, quantile.High * 1000));
            }
        }
    }

    private static string Number(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
}
