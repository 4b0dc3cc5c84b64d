using FleetVibe.Chaos.Traffic;

namespace FleetVibe.Chaos.Oracle;

/// <summary>Whether the ledgers add up at rest, with themselves, with each other and with the truth.</summary>
internal static class LedgerChecks
{
    public static void Check(TrafficTruth truth, FleetLedgerNumbers ledger, Findings findings)
    {
        foreach (var node in ledger.Nodes)
        {
            var where = $"ledger of {node.Node}";
            findings.Equal("seen", where, node.Open + node.Spooled + node.Committed + node.RefusedInAll, node.Seen, "the sum of open, spooled, committed and refused");
            findings.Equal("open + spooled", where, 0, node.Open + node.Spooled, "not at rest");
        }

        CheckSeen(truth, ledger, findings);
        var gateway = ledger.Gateway;
        if (ledger.Nodes.All(node => node.Spools <= 1))
        {
            findings.Equal("committed", "ledger of the gateway", ledger.Nodes.Sum(node => node.Committed), gateway.Committed, "the sum of what the agents have acknowledged as committed");
        }

        findings.Equal("committed", "ledger of the gateway", findings.Committed, gateway.Committed, "the requests of all windows at Telegraf");
        findings.Equal(
            "points produced", "ledger of the gateway", gateway.Queued + gateway.Delivered + gateway.Superseded + gateway.DeadLettered, gateway.Produced,
            "the sum of queued, delivered, superseded and dead-lettered");
        findings.Equal("points queued", "ledger of the gateway", 0, gateway.Queued, "not at rest");
        findings.Equal("points dead-lettered", "ledger of the gateway", 0, gateway.DeadLettered);
    }

    private static void CheckSeen(TrafficTruth truth, FleetLedgerNumbers ledger, Findings findings)
    {
        var nodes = ledger.Nodes.ToDictionary(node => node.Node, StringComparer.Ordinal);
        var reported = truth.Nodes.Select(node => (Name: node.Key, node.Value.Requests))
            .Concat(truth.Engines.GroupBy(engine => engine.Node, StringComparer.Ordinal).Select(group => (Name: group.Key, Requests: group.Sum(engine => engine.Requests))))
            .GroupBy(node => node.Name, StringComparer.Ordinal);
        foreach (var node in reported)
        {
            var expected = node.Sum(part => part.Requests);
            if (nodes.GetValueOrDefault(node.Key) is not { } counted)
            {
                findings.Add("seen", $"ledger of {node.Key}", expected, 0, "no agent reports");
            }
            else if (counted.Spools <= 1)
            {
                findings.Equal("seen", $"ledger of {node.Key}", expected, counted.Seen, "the truth about the node");
            }
        }
    }
}
