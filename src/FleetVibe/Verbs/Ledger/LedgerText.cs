using FleetVibe.Protocol.Ledger;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Verbs.Ledger;

/// <summary>The ledger of a running fleet for people.</summary>
internal static class LedgerText
{
    public static void Write(TextWriter output, FleetLedger ledger)
    {
        output.WriteLine($"the fleet as {ledger.Aggregator} saw it at {ledger.At.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC");
        output.WriteLine();
        output.WriteLine(LedgerTable.Identity);
        output.WriteLine("          first line: the agent's counters; second: what the gateway's log holds");
        output.WriteLine();
        LedgerTable.Write(output, [.. ledger.Nodes.Select(n => new LedgerRow(n.Account.Node, null, n.Account.Agent, n.Account.Gateway, LedgerTable.Word(n.Balance))), Fleet(ledger)]);
        output.WriteLine();
        if (ledger.Gateway is { } gateway)
        {
            output.WriteLine($"back-filled: {gateway.Backfilled} of the committed came after their window was final");
            output.WriteLine();
            WritePoints(output, gateway);
            output.WriteLine($"  {LedgerTable.Word(ledger.Points!)}{Delivery(gateway)}");
            output.WriteLine();
        }

        foreach (var (node, note) in ledger.Nodes.SelectMany(n => n.Balance.Notes.Select(note => (n.Account.Node, note))))
        {
            WrappedText.Write(output, "note: ", $"{node}: {note}");
        }

        foreach (var fault in ledger.Faults)
        {
            WrappedText.Write(output, "WRONG: ", fault);
        }

        WrappedText.Write(output, "", Verdict(ledger));
    }

    public static void WritePoints(TextWriter output, GatewayStatus gateway)
    {
        output.WriteLine("points: produced = queued + delivered + superseded + dead-lettered");
        output.WriteLine($"  {gateway.PointsProduced} = {gateway.PointsQueued} + {gateway.PointsDelivered} + {gateway.PointsSuperseded} + {gateway.PointsDeadLettered}");
        if (gateway.PointsRefused > 0)
        {
            output.WriteLine($"  {gateway.PointsRefused} points of nodes were refused: the gateway's log says why");
        }
    }

    internal static string Verdict(FleetLedger ledger)
    {
        if (ledger.Faults.Count > 0)
        {
            return ledger.Faults.Count == 1 ? "1 sum does not add up" : $"{ledger.Faults.Count} sums do not add up";
        }

        if (ledger.Gateway is not { } gateway)
        {
            return "the agents' own sums add up; of the gateway nothing is known";
        }

        var silent = ledger.Nodes.Count(n => n.Balance.State == BalanceState.NotHeard);
        var unknown = silent == 0 ? "" : $"; {silent} of {ledger.Nodes.Count} nodes {(silent == 1 ? "is" : "are")} not heard, and what waits there is not known";
        var lost = ledger.Nodes.Count(n => n.Balance.FollowsAnother);
        var half = ledger.Nodes.Count(n => n.Balance.IsHalfChecked);
        var limits = (lost == 0 ? "" : $"; what earlier spools of {Nodes(lost)} held unsent is in no count")
            + (half == 0 ? "" : $"; whether the gateway has too much of {Nodes(half)} cannot be seen");
        return ledger.Nodes.Count == 0 ? "no node has reported yet"
            : (ledger.State != BalanceState.Balanced ? $"every sum adds up; under way: {ledger.OnTheWay} requests, {gateway.PointsQueued} points"
                : limits.Length > 0 ? "all that is counted balances"
                : "everything balances") + limits + unknown;
    }

    private static string Nodes(int count) => count == 1 ? "1 node" : $"{count} nodes";

    private static LedgerRow Fleet(FleetLedger ledger)
    {
        var word = ledger.RequestsState != BalanceState.NotHeard ? LedgerTable.Word(new Balance(ledger.RequestsState, ledger.OnTheWay, []))
            : ledger.Gateway is null ? "gateway unknown" : "not all heard";
        return new LedgerRow("fleet", null, ledger.Agents, ledger.Gateway is null ? null : FleetLedger.TotalOf(ledger.Gateway), word);
    }

    private static string Delivery(GatewayStatus gateway) => gateway.DeliveryError.Length > 0 ? $" ({gateway.DeliveryState}: {gateway.DeliveryError})" : "";
}
