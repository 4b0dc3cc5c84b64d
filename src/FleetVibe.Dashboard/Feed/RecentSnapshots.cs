using FleetVibe.Protocol.Ledger;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Dashboard.Feed;

/// <summary>The snapshots of the last seconds: the ledger is judged over two that are <see cref="LedgerBalance.Apart"/> apart.</summary>
internal sealed class RecentSnapshots
{
    private readonly Queue<(DateTimeOffset At, FleetSnapshot Snapshot)> _kept = [];

    /// <summary>Keeps a snapshot; returns the newest that is old enough, or null.</summary>
    public FleetSnapshot? Take(FleetSnapshot snapshot, DateTimeOffset now)
    {
        _kept.Enqueue((now, snapshot));
        var limit = now - LedgerBalance.Apart;
        while (_kept.Count > 1 && _kept.ElementAt(1).At <= limit)
        {
            _kept.Dequeue();
        }

        var (at, oldest) = _kept.Peek();
        return at <= limit ? oldest : null;
    }
}
