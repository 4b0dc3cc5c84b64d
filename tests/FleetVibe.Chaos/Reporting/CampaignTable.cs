using System.Globalization;
using System.Text;

namespace FleetVibe.Chaos.Reporting;

/// <summary>The table of campaigns in Markdown.</summary>
internal static class CampaignTable
{
    private const string Begin = "<!-- campaigns: made by `dotnet run --project tests/FleetVibe.Chaos -- table` -->";
    private const string End = "<!-- end of campaigns -->";

    /// <summary>One row a report in order of seeds, and a last one with the sums and the worst.</summary>
    public static string Render(IReadOnlyList<CampaignReport> reports)
    {
        var text = new StringBuilder()
            .Append("| seed | faults | requests | refused | lost | duplicated | shrunk | worst gap | worst percentile error |\n")
            .Append("|---:|---|---:|---:|---:|---:|---:|---:|---:|\n");
        foreach (var report in reports.OrderBy(report => report.Seed))
        {
            Row(text, string.Create(CultureInfo.InvariantCulture, $"{report.Seed}{(report.Gateways > 1 ? $" ({report.Gateways} gateways)" : "")}"), [report]);
        }

        Row(text, $"all {reports.Count}", reports);
        return text.ToString();
    }

    /// <summary>Puts a table between the markers of a page.</summary>
    /// <exception cref="InvalidDataException">The page lacks a marker; the message names the page and the marker.</exception>
    public static string PutInto(string page, string table, string name)
    {
        var begin = page.IndexOf(Begin, StringComparison.Ordinal);
        if (begin < 0)
        {
            throw new InvalidDataException($"{name} lacks the line {Begin}");
        }

        var end = page.IndexOf(End, begin, StringComparison.Ordinal);
        return end < 0
            ? throw new InvalidDataException($"{name} lacks the line {End}")
            : $"{page[..begin]}{Begin}\n\n{table}\n{page[end..]}";
    }

    private static void Row(StringBuilder text, string seed, IReadOnlyList<CampaignReport> reports)
    {
        var faults = reports.SelectMany(report => report.Faults).GroupBy(fault => fault.Key, StringComparer.Ordinal)
            .OrderBy(kind => kind.Key, StringComparer.Ordinal).Select(kind => (Kind: kind.Key, Times: kind.Sum(fault => fault.Value))).ToList();
        text.Append(
            CultureInfo.InvariantCulture,
            $"| {seed} | {faults.Sum(fault => fault.Times)}: {string.Join(", ", faults.Select(fault => $"{fault.Kind} {fault.Times}"))} ")
            .Append(
            CultureInfo.InvariantCulture,
            $"| {reports.Sum(r => r.Requests):N0} | {reports.Sum(r => r.Refused):N0} | {reports.Sum(r => r.Lost):N0} | {reports.Sum(r => r.Duplicated):N0} | {reports.Sum(r => r.Shrunk):N0} ")
            .Append(
            CultureInfo.InvariantCulture,
            $"| {reports.Select(r => r.WorstGapS).DefaultIfEmpty().Max():F1} s | {reports.Select(r => r.WorstPercentileError).DefaultIfEmpty().Max() * 100:F3} % |\n");
    }
}
