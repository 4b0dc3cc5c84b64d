using System.Text.Json;
using FleetVibe.Protocol.Ledger;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Verbs.Ledger;

/// <summary>The ledger for programs: one JSON object. States are balanced, under_way, not_heard and broken.</summary>
internal static class LedgerJson
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Of(FleetLedger ledger) => JsonSerializer.Serialize(
        new
        {
            ledger.At,
            ledger.Aggregator,
            State = Word(ledger.State),
            Nodes = ledger.Nodes.Select(n => new
            {
                n.Account.Node,
                State = Word(n.Balance.State),
                Heard = n.Account.IsHeard,
                n.Balance.OnTheWay,
                Agent = Agent(n.Account.Agent),
                Gateway = Gateway(n.Account.Gateway),
                n.Balance.Faults,
                Note = n.Balance.Notes.Count > 0 ? string.Join("; ", n.Balance.Notes) : null,
                n.Balance.FollowsAnother,
                n.Balance.IsHalfChecked,
            }),
            Fleet = new
            {
                State = Word(ledger.RequestsState),
                ledger.OnTheWay,
                Agents = Agent(ledger.Agents),
                Gateway = ledger.Gateway is null ? null : Gateway(FleetLedger.TotalOf(ledger.Gateway)),
                ledger.Gateway?.Backfilled,
                ledger.Gateway?.Duplicates,
                Faults = ledger.Totals?.Faults ?? [],
            },
            Points = ledger.Gateway is { } g
                ? new
                {
                    State = Word(ledger.Points!.State),
                    Produced = g.PointsProduced,
                    Queued = g.PointsQueued,
                    Delivered = g.PointsDelivered,
                    Superseded = g.PointsSuperseded,
                    DeadLettered = g.PointsDeadLettered,
                    Refused = g.PointsRefused,
                    g.DeliveryState,
                    g.DeliveryError,
                    ledger.Points.Faults,
                }
                : null,
            ledger.GatewayError,
        },
        Options);

    private static string Word(BalanceState state) => JsonNamingPolicy.SnakeCaseLower.ConvertName(state.ToString());

    private static object? Agent(AgentLedger? a) => a is null ? null : new
    {
        a.Seen, a.Open, a.Spooled, Committed = a.AckedCommitted, Late = a.AckedLate, Future = a.AckedFuture, Undecodable = a.AckedUndecodable,
        a.DroppedSpoolFull, a.NodePointsCoalesced, a.RecordsCoalesced,
    };

    private static object? Gateway(NodeCommitted? g) => g is null ? null : new
    {
        g.Committed, g.Late, g.Future, g.Undecodable, PresentSpoolCommitted = g.HasPresentCommitted ? g.PresentCommitted : (ulong?)null,
    };
}
