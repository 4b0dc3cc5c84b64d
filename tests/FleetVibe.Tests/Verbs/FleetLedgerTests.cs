using System.Text.Json;
using FleetVibe.Protocol.Ledger;
using FleetVibe.Protocol.V1;
using FleetVibe.Verbs;
using FleetVibe.Verbs.Ledger;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Tests.Verbs;

public class FleetLedgerTests
{
    [Fact]
    public void The_ledger_as_text() => Golden.Check("ledger-under-way", Text(Fleet()));

    [Fact]
    public void A_broken_ledger_names_every_sum() => Golden.Check("ledger-broken", Text(Broken()));

    [Fact]
    public void Without_a_gateway_its_side_is_unknown()
    {
        var fleet = Fleet();
        (fleet.Gateway, fleet.GatewayError) = (null, "Unavailable: connection refused");

        Golden.Check("ledger-without-gateway", Text(fleet));
    }

    [Fact]
    public void Text_fits_eighty_columns_with_large_figures()
    {
        var fleet = Fleet();
        foreach (var node in fleet.Nodes)
        {
            node.Ledger.Seen += 12_000_000;
            node.Ledger.AckedCommitted += 12_000_000;
        }

        Golden.IsNarrow(Text(fleet));
        Golden.IsNarrow(Text(Broken()));
    }

    [Fact]
    public void The_ledger_as_json()
    {
        using var json = JsonDocument.Parse(LedgerJson.Of(FleetLedger.From(null, Fleet())));
        var root = json.RootElement;

        Assert.Equal("not_heard", root.GetProperty("state").GetString());
        Assert.Equal("2026-11-24T08:00:00+00:00", root.GetProperty("at").GetString());
        var node = root.GetProperty("nodes")[1];
        Assert.Equal("gpu-node-02", node.GetProperty("node").GetString());
        Assert.Equal("under_way", node.GetProperty("state").GetString());
        Assert.Equal(12, node.GetProperty("on_the_way").GetInt32());
        Assert.Equal(980, node.GetProperty("agent").GetProperty("committed").GetInt32());
        Assert.Equal(988, node.GetProperty("gateway").GetProperty("committed").GetInt32());
        Assert.Equal(JsonValueKind.Null, root.GetProperty("nodes")[2].GetProperty("agent").ValueKind);
        Assert.Equal(2, root.GetProperty("fleet").GetProperty("backfilled").GetInt32());
        Assert.Equal(5, root.GetProperty("points").GetProperty("queued").GetInt32());
        Assert.Equal("balanced", JsonDocument.Parse(LedgerJson.Of(FleetLedger.From(null, AtRest()))).RootElement.GetProperty("state").GetString());
    }

    [Fact]
    public async Task The_exit_code_says_whether_the_sums_agree()
    {
        Assert.Equal(ExitCodes.Ok, await Tell(AtRest()));
        Assert.Equal(ExitCodes.Ok, await Tell(Fleet()));
        Assert.Equal(ExitCodes.VerdictFailed, await Tell(Broken()));
        var withoutGateway = AtRest();
        (withoutGateway.Gateway, withoutGateway.GatewayError) = (null, "Unavailable: connection refused");
        Assert.Equal(ExitCodes.Unreachable, await Tell(withoutGateway));
        withoutGateway.Nodes[0].Ledger.Seen++;
        Assert.Equal(ExitCodes.VerdictFailed, await Tell(withoutGateway));
    }

    [Fact]
    public void A_ledger_claims_no_more_than_was_checked()
    {
        Assert.EndsWith("\neverything balances\n", Text(AtRest()), StringComparison.Ordinal);
        var fleet = AtRest();
        fleet.Nodes[0].Ledger.ReplacesLostUnixMs = 1_795_507_200_000;
        var text = Text(fleet);

        Golden.IsNarrow(text);
        Assert.Contains("note: gpu-node-01: since 2026-11-24 08:00:00 UTC its spool is one in place of", text, StringComparison.Ordinal);
        Assert.Equal("all that is counted balances; what earlier spools of 1 node held unsent is in no count", LedgerText.Verdict(FleetLedger.From(fleet, fleet)));
        fleet.Gateway.Nodes[0].Spools = 2;
        Assert.EndsWith("; whether the gateway has too much of 1 node cannot be seen", LedgerText.Verdict(FleetLedger.From(fleet, fleet)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_difference_that_a_second_reading_explains_is_none()
    {
        var first = AtRest();
        first.Gateway.Committed = first.Gateway.Nodes[0].Committed = 90;

        Assert.Equal(BalanceState.Balanced, (await Read(first, AtRest())).State);
        Assert.Equal(BalanceState.Broken, (await Read(first, first)).State);
    }

    [Fact]
    public async Task A_ledger_that_is_clear_is_read_once()
    {
        var time = new FakeTimeProvider();

        Assert.Equal(BalanceState.Balanced, (await LedgerCommand.ReadAsync(() => Task.FromResult(AtRest()), time, TextWriter.Null, CancellationToken.None)).State);
    }

    private static async Task<FleetLedger> Read(FleetSnapshot first, FleetSnapshot second)
    {
        var time = new FakeTimeProvider();
        var readings = new Queue<FleetSnapshot>([first, second]);
        var reading = LedgerCommand.ReadAsync(() => Task.FromResult(readings.Dequeue()), time, TextWriter.Null, CancellationToken.None);
        Assert.False(reading.IsCompleted);
        time.Advance(LedgerBalance.Apart);
        return await reading;
    }

    private static Task<int> Tell(FleetSnapshot fleet) =>
        LedgerCommand.TellAsync(FleetLedger.From(fleet, fleet), json: false, TextWriter.Null, TextWriter.Null);

    private static string Text(FleetSnapshot fleet)
    {
        var text = new StringWriter { NewLine = "\n" };
        LedgerText.Write(text, FleetLedger.From(fleet, fleet));
        return text.ToString();
    }

    private static FleetSnapshot AtRest() => new()
    {
        AtUnixMs = 1_795_507_200_000,
        Aggregator = "agg-1",
        Nodes = { Node("gpu-node-01", new AgentLedger { Seen = 100, AckedCommitted = 96, AckedLate = 4 }) },
        Gateway = new GatewayStatus
        {
            Committed = 96, Late = 4, PointsProduced = 10, PointsDelivered = 9, PointsSuperseded = 1, Nodes = { Committed("gpu-node-01", 96, 4) },
        },
    };

    private static FleetSnapshot Fleet()
    {
        var fleet = AtRest();
        fleet.Nodes.Add(Node("gpu-node-02", new AgentLedger { Seen = 992, Open = 2, Spooled = 10, AckedCommitted = 980 }));
        fleet.Gateway.Nodes.Add(Committed("gpu-node-02", 988));
        fleet.Gateway.Nodes.Add(Committed("gpu-node-with-a-name-that-is-far-too-long", 7));
        (fleet.Gateway.Committed, fleet.Gateway.Backfilled) = (1091, 2);
        (fleet.Gateway.PointsProduced, fleet.Gateway.PointsQueued) = (15, 5);
        (fleet.Gateway.DeliveryState, fleet.Gateway.DeliveryError) = ("backing_off", "HTTP 503");
        return fleet;
    }

    private static FleetSnapshot Broken()
    {
        var fleet = AtRest();
        fleet.Nodes.Add(Node("gpu-node-02", new AgentLedger { Seen = 991, Open = 2, Spooled = 10, AckedCommitted = 980 }));
        fleet.Gateway.Nodes.Add(Committed("gpu-node-02", 979));
        fleet.Gateway.Nodes[0].Spools = 2;
        fleet.Gateway.Committed = 1076;
        fleet.Gateway.PointsProduced = 11;
        return fleet;
    }

    private static NodeView Node(string name, AgentLedger ledger) => new() { Node = name, Reachability = NodeReachability.Reporting, Ledger = ledger };

    private static NodeCommitted Committed(string node, ulong committed, ulong late = 0) => new() { Node = node, Committed = committed, Late = late, Spools = 1 };
}
