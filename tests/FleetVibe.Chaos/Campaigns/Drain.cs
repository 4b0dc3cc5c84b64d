using FleetVibe.Chaos.Fleet;
using FleetVibe.Chaos.Oracle;
using FleetVibe.Protocol.Ledger;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Chaos.Campaigns;

/// <summary>Waits, after the last fault, until nothing is on its way any more.</summary>
internal sealed class Drain(ChaosFleet fleet, TimeProvider time, Action<string> tell)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(3);

    // Longer than the widest interval of the roll-ups: until then the hour's points are older than its windows.
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(75);

    /// <param name="expected">Requests of the truth.</param>
    /// <returns>The ledger at rest, or as it was when time ran out.</returns>
    public async Task<DrainedLedger> RunAsync(long expected, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var lastTold = started;
        var (since, at) = (started, DrainedLedger.Nothing);
        while (true)
        {
            var now = await ReadAsync(cancellationToken);
            if (now is not null && (now.Seen != at.Seen || now.Committed != at.Committed || now.Refused != at.Refused))
            {
                since = time.GetTimestamp();
            }

            at = now ?? at;
            if (now is { OnTheWay.Count: 0 } && time.GetElapsedTime(since) > Rest)
            {
                return at;
            }

            if (time.GetElapsedTime(started) > Limit)
            {
                return at with { OnTheWay = at.OnTheWay.Count > 0 ? at.OnTheWay : ["no aggregator with a gateway answered for long enough"] };
            }

            if (time.GetElapsedTime(lastTold) > TimeSpan.FromSeconds(20))
            {
                lastTold = time.GetTimestamp();
                tell($"draining: {at.Committed + at.Refused} of {expected} have their fate; {string.Join(", ", at.OnTheWay.Take(6).DefaultIfEmpty("nothing is on its way"))}");
            }

            await Task.Delay(Poll, time, cancellationToken);
        }
    }

    private async Task<DrainedLedger?> ReadAsync(CancellationToken cancellationToken)
    {
        if (await fleet.Probe.FleetAsync(cancellationToken) is not { } view || await fleet.Probe.GatewayAsync(cancellationToken) is not { } gateway)
        {
            return null;
        }

        var accounts = NodeAccount.From(view).Where(a => fleet.Shape.Agents.Contains(a.Node)).ToList();
        var onTheWay = accounts.SelectMany(Waiting)
            .Concat(fleet.Shape.Agents.Except(accounts.Select(a => a.Node)).Select(node => $"{node} was never heard"))
            .ToList();
        if (gateway.PointsQueued > 0)
        {
            onTheWay.Add($"{gateway.PointsQueued} points are queued for Telegraf ({gateway.DeliveryState} {gateway.DeliveryError})");
        }

        return new DrainedLedger(view, gateway, onTheWay, accounts.Sum(a => (long)(a.Agent?.Seen ?? 0)));
    }

    private static IEnumerable<string> Waiting(NodeAccount account)
    {
        if (!account.IsHeard || account.Agent is not { } agent)
        {
            yield return $"{account.Node} is not heard";
        }
        else if (agent.Open + agent.Spooled > 0)
        {
            yield return $"{account.Node}: {agent.Open} open, {agent.Spooled} spooled";
        }
    }
}

/// <summary>Both sides' counters at one reading.</summary>
/// <param name="OnTheWay">What is not at its end, in words.</param>
/// <param name="Seen">Requests that the agents took up, in all.</param>
internal sealed record DrainedLedger(FleetSnapshot Fleet, GatewayStatus Gateway, IReadOnlyList<string> OnTheWay, long Seen)
{
    public static DrainedLedger Nothing { get; } = new(new FleetSnapshot(), new GatewayStatus(), ["no aggregator answered yet"], -1);

    public long Committed => (long)Gateway.Committed;

    public long Refused => (long)(Gateway.Late + Gateway.Future + Gateway.Undecodable);

    /// <summary>For the oracle: the gateway as it was asked itself, not as an aggregator knew it.</summary>
    public FleetLedgerNumbers Numbers()
    {
        var fleet = Fleet.Clone();
        fleet.Gateway = Gateway;
        return FleetLedgerNumbers.From(fleet);
    }

}
