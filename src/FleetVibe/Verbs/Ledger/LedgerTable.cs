using System.Globalization;
using FleetVibe.Protocol.Ledger;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Verbs.Ledger;

/// <summary>A node, or the fleet, in the table.</summary>
/// <param name="Served">What its server really served; null where nobody knows.</param>
internal sealed record LedgerRow(string Name, long? Served, AgentLedger? Agent, NodeCommitted? Gateway, string Verdict);

/// <summary>
/// The requests as text, two lines a node: the agent's own counters, and under them the verdict and what the gateway holds.
/// Fits 80 columns while no figure has more than eight digits.
/// </summary>
internal static class LedgerTable
{
    public const string Identity = "requests: seen = open + spooled + committed + late + future + undec(odable)";
    private const string Dropped = "dropped: a part of seen that is lost for good, because a spool was full";
    private const int LongestName = 20;
    private const string Unknown = "?";
    private const string AtGateway = "at gateway";

    public static void Write(TextWriter output, IReadOnlyList<LedgerRow> rows)
    {
        var (served, dropped) = (rows.Any(r => r.Served is not null), rows.Any(r => r.Agent is { DroppedSpoolFull: > 0 }));
        string[] names = [.. served ? ["served"] : Array.Empty<string>(), "seen", "open", "spooled", .. dropped ? ["dropped"] : Array.Empty<string>(), "committed", "late", "future", "undec."];
        var own = names.Length - 4;
        var agents = rows.Select(r => Agent(r, served, dropped)).ToList();
        var gateways = rows.Select(r => Gateway(r.Gateway)).ToList();
        var widths = names.Select((name, i) => agents.Select(a => a[i]).Concat(i < own ? [] : gateways.Select(g => g[i - own])).Append(name).Max(cell => cell.Length)).ToArray();
        var nameWidth = Math.Max(8, rows.Max(r => Short(r.Name).Length));

        // The verdict stands under the name and the agent's own columns.
        var left = Math.Max(nameWidth + widths.Take(own).Sum(w => w + 2), rows.Max(r => r.Verdict.Length) + 4 + AtGateway.Length);
        nameWidth = left - widths.Take(own).Sum(w => w + 2);
        output.WriteLine("node".PadRight(nameWidth) + Cells(names, widths));
        for (var i = 0; i < rows.Count; i++)
        {
            output.WriteLine(Short(rows[i].Name).PadRight(nameWidth) + Cells(agents[i], widths));
            output.WriteLine($"  {rows[i].Verdict}".PadRight(left - AtGateway.Length) + AtGateway + Cells(gateways[i], widths[own..]));
        }

        if (dropped)
        {
            output.WriteLine(Dropped);
        }
    }

    public static string Word(Balance balance) => balance.State switch
    {
        BalanceState.Balanced => "balanced",
        BalanceState.UnderWay => balance.OnTheWay > 0 ? $"under way: {balance.OnTheWay}" : "under way",
        BalanceState.Broken => "DOES NOT BALANCE",
        _ => "not heard",
    };

    private static string Cells(string[] cells, int[] widths) => string.Concat(cells.Select((cell, i) => cell.PadLeft(widths[i] + 2)));

    private static string[] Agent(LedgerRow row, bool served, bool dropped)
    {
        string[] counts = row.Agent is { } a
            ? [Text(a.Seen), Text(a.Open), Text(a.Spooled), .. dropped ? [Text(a.DroppedSpoolFull)] : Array.Empty<string>(), Text(a.AckedCommitted), Text(a.AckedLate), Text(a.AckedFuture), Text(a.AckedUndecodable)]
            : [.. Enumerable.Repeat(Unknown, dropped ? 8 : 7)];
        return served ? [row.Served?.ToString(CultureInfo.InvariantCulture) ?? Unknown, .. counts] : counts;
    }

    private static string[] Gateway(NodeCommitted? g) => g is null
        ? [.. Enumerable.Repeat(Unknown, 4)]
        : [Text(g.Committed), Text(g.Late), Text(g.Future), Text(g.Undecodable)];

    private static string Text(ulong count) => count.ToString(CultureInfo.InvariantCulture);

    // Names of one fleet differ at their end.
    private static string Short(string name) => name.Length <= LongestName ? name : $"{name[..7]}…{name[^12..]}";
}
