using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;

namespace FleetVibe.Aggregator.Sessions;

/// <summary>One record's part for one series.</summary>
/// <param name="Key">Its window.</param>
/// <param name="Totals">As they came.</param>
/// <param name="Hash">Of the totals' bytes.</param>
/// <param name="Requests">Of the whole part.</param>
/// <param name="Defect">Why no window can take it; null where one can.</param>
internal sealed record RecordPart(WindowKey Key, WindowTotals Totals, ulong Hash, ulong Requests, string? Defect);

/// <summary>
/// Splits a record by series and checks every part. Depends on the record's bytes and on nothing else, so that a record
/// that is sent again, to another member or to a later release, is split the same way.
/// </summary>
internal static class RecordSplit
{
    /// <summary>Far above what a full histogram needs, and below what one message between members may hold.</summary>
    private const int MaxPartBytes = 256 * 1024;

    // As the gateway takes them: what it cannot take would block a whole window.
    private const int LongestName = 512;

    private const ulong MaxCount = 1_000_000_000_000_000;

    // 1 January of the year 3000.
    private const long LastStart = 32_503_680_000;

    public static IReadOnlyList<RecordPart> Split(RecordContent? content)
    {
        if (content is null)
        {
            return [];
        }

        var windowDefect = DefectOf(content);
        var parts = new List<RecordPart>();
        foreach (var group in content.Contributions.GroupBy(contribution => contribution.Series ?? new SeriesKey()))
        {
            var contributions = group.ToList();
            var totals = contributions[0].Totals ?? new WindowTotals();
            var defect = windowDefect
                ?? (contributions.Count > 1 ? "two contributions for one series" : null)
                ?? DefectOf(group.Key)
                ?? DefectOf(totals);
            var requests = contributions.Aggregate(0UL, (sum, contribution) => Math.Min(MaxCount, sum + Math.Min(MaxCount, contribution.Totals?.Requests ?? 0)));
            parts.Add(new RecordPart(
                new WindowKey { Series = group.Key, Level = content.Level, Start = content.WindowStart },
                totals,
                TotalsMapper.ContentHash(totals),
                requests,
                defect));
        }

        return parts;
    }

    private static string? DefectOf(RecordContent content) =>
        !WindowLevels.IsKnown(content.Level) ? $"window level {(int)content.Level} is not known here"
        : content.WindowStart is <= 0 or > LastStart || content.WindowStart % WindowLevels.SecondsOf(content.Level) != 0 ? $"no window starts at {content.WindowStart}"
        : null;

    /// <summary>Why no series can have this name; null where one can.</summary>
    public static string? DefectOf(SeriesKey series) =>
        series.Model.Length == 0 || series.Task.Length == 0 ? "a series without model or task"
        : Math.Max(series.Model.Length, Math.Max(series.Task.Length, series.Variant.Length)) > LongestName ? "a series with a name above 512 characters"
        : null;

    private static string? DefectOf(WindowTotals totals)
    {
        if (totals.CalculateSize() > MaxPartBytes)
        {
            return "a contribution of an impossible size";
        }

        if (Math.Max(Math.Max(totals.Requests, totals.Errors), Math.Max(totals.InputTokens, totals.OutputTokens)) > MaxCount)
        {
            return "a count out of range";
        }

        try
        {
            TotalsMapper.FromWire(totals);
            return null;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }
}
