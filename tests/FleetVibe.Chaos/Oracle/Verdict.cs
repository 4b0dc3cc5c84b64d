using System.Globalization;

namespace FleetVibe.Chaos.Oracle;

/// <summary>What the oracle found.</summary>
/// <param name="Requests">Of the truth, engines included.</param>
/// <param name="Committed">In Telegraf's windows, each once.</param>
/// <param name="Refused">Refused or dropped with a counted reason.</param>
/// <param name="Lost">Of the truth, neither in a window nor refused.</param>
/// <param name="Duplicated">In a window beyond the truth, or in a window and refused.</param>
/// <param name="Shrunk">Points of which a later revision held less, or came before an earlier one.</param>
/// <param name="WorstGapSeconds">The longest time from the end of a base window with requests to its first point at Telegraf.</param>
/// <param name="WorstPercentileError">Largest relative error of a percentile, over the windows that are whole.</param>
/// <param name="Mismatches">The first <see cref="MaxMismatches"/>.</param>
/// <param name="MismatchCount">All of them.</param>
public sealed record Verdict(
    long Requests, long Committed, long Refused, long Lost, long Duplicated, long Shrunk,
    double WorstGapSeconds, double WorstPercentileError, IReadOnlyList<Mismatch> Mismatches, int MismatchCount)
{
    public const int MaxMismatches = 50;

    /// <summary>Refused and dropped requests by reason.</summary>
    public IReadOnlyDictionary<string, long> RefusedByReason { get; init; } = new SortedDictionary<string, long>(StringComparer.Ordinal);

    /// <summary>Every promise held.</summary>
    public bool IsSound => Lost == 0 && Duplicated == 0 && Shrunk == 0 && MismatchCount == 0;
}

/// <summary>One figure that is not what it must be.</summary>
/// <param name="What">Which figure, e.g. <c>requests</c> or <c>response_time_p95_ms</c>.</param>
/// <param name="Where">The model and window, the node, or the ledger that it belongs to.</param>
/// <param name="Detail">What helps to find the cause; may be empty.</param>
public sealed record Mismatch(string What, string Where, double Expected, double Got, string Detail)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Where}: {What} {Got} instead of {Expected}{(Detail.Length > 0 ? $" ({Detail})" : "")}");
}
