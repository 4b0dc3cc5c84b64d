using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Series;

/// <summary>A contribution that has no fate yet.</summary>
internal sealed record PendingPart(RecordKey Record, ulong Hash, ulong Requests, bool IsBackfill)
{
    public required object ReplyTo { get; set; }

    /// <summary>Whether it is in the commit that is under way.</summary>
    public bool InFlight { get; set; }
}

/// <summary>
/// One window as its owner holds it: what is committed and what is merged on top. Sums cannot be taken apart again, so
/// in any doubt all of it is forgotten.
/// </summary>
internal sealed class SeriesWindow(WindowId id, bool expectsLiveHosts)
{
    internal enum Phase
    {
        Unloaded,
        Loading,
        Held,
    }

    private readonly Dictionary<RecordKey, (ulong Hash, Fate Fate)> _settled = [];
    private readonly Dictionary<RecordKey, PendingPart> _pending = [];
    private readonly Dictionary<(string Node, Guid Instance), ulong> _floors = [];
    private readonly HashSet<string> _contributors = [];
    private readonly HashSet<string> _committedHosts = [];
    private SeriesTotals _merged = new();

    public WindowId Id => id;

    public long Start => id.Start;

    /// <summary>False for an old window that nobody held at its time, and above 10 s: it expects its contributors alone.</summary>
    public bool ExpectsLiveHosts => expectsLiveHosts && id.IsBase;

    public DateTimeOffset End { get; } = id.End;

    public Phase State { get; private set; }

    /// <summary>Names the load or commit under way.</summary>
    public long Ticket { get; set; }

    public bool IsCommitting { get; private set; }

    public TimeSpan RetryAt { get; private set; }

    public TimeSpan LastTouched { get; set; }

    public ulong Revision { get; private set; }

    public bool IsFinal { get; private set; }

    public ulong Backfilled { get; private set; }

    public string LogId { get; private set; } = "";

    /// <summary>As stored with the last commit.</summary>
    public IReadOnlySet<string> StoredExpected { get; private set; } = new HashSet<string>();

    public WindowTotals? CommittedTotals { get; private set; }

    public SeriesTotals Merged => _merged;

    /// <summary>Hosts of which something is merged, committed or not.</summary>
    public IReadOnlySet<string> Contributors => _contributors;

    public IReadOnlySet<string> CommittedHosts => _committedHosts;

    public bool HasPending => _pending.Count > 0;

    public TimeSpan FirstPendingAt { get; private set; }

    private TimeSpan _backoff;

    public void BeginLoad(long ticket)
    {
        State = Phase.Loading;
        Ticket = ticket;
    }

    /// <exception cref="InvalidDataException">The stored window contradicts itself.</exception>
    public void Hold(WindowState state, Moment now)
    {
        var totals = TotalsMapper.FromWire(state.Totals);
        Clear();
        _merged = totals;
        foreach (var part in state.Contributors)
        {
            var key = RecordKey.FromWire(part.Record);
            _settled[key] = (part.ContentHash, Fate.Committed);
            _contributors.Add(key.Node);
            _committedHosts.Add(key.Node);
        }

        foreach (var part in state.Refused)
        {
            _settled[RecordKey.FromWire(part.Record)] = (part.ContentHash, part.Fate);
        }

        foreach (var floor in state.Floors)
        {
            _floors[(floor.Node, RecordKey.InstanceFromWire(floor.Instance))] = floor.Floor;
        }

        Revision = state.Revision;
        IsFinal = state.Final;
        Backfilled = state.Backfilled;
        LogId = state.LogId;
        StoredExpected = state.ExpectedHosts.ToHashSet();
        CommittedTotals = state.Revision > 0 ? state.Totals ?? new WindowTotals() : null;
        State = Phase.Held;
        LastTouched = now.Up;
    }

    public bool TryGetSettled(RecordKey record, out ulong hash, out Fate fate)
    {
        if (_settled.TryGetValue(record, out var found))
        {
            (hash, fate) = found;
            return true;
        }

        (hash, fate) = (0, Fate.Unspecified);
        return false;
    }

    public bool IsBelowFloor(RecordKey record) =>
        _floors.TryGetValue((record.Node, record.Instance), out var floor) && record.Seq < floor;

    public PendingPart? FindPending(RecordKey record) => _pending.GetValueOrDefault(record);

    public void Merge(PendingPart part, SeriesTotals totals, Moment now)
    {
        if (_pending.Count == 0)
        {
            FirstPendingAt = now.Up;
        }

        _merged.Merge(totals);
#if BREAK_NOCONTRIBUTORCHECK
        part = part with { Requests = part.Requests + (_pending.Remove(part.Record, out var first) ? first.Requests : 0) };
#endif
        _pending.Add(part.Record, part);
        _contributors.Add(part.Record.Node);
    }

    /// <summary>Everything that is merged, as the revision after the one held.</summary>
    public CommitRequest BeginCommit(WindowKey key, long ticket, IEnumerable<string> expected, bool final)
    {
        Ticket = ticket;
        IsCommitting = true;
        var request = new CommitRequest
        {
            Key = key,
            BaseRevision = Revision,
            Totals = TotalsMapper.ToWire(_merged),
            Final = final,
            Backfilled = Backfilled,
            LogId = LogId,
        };
        foreach (var part in _pending.Values.OrderBy(part => part.Record))
        {
            part.InFlight = true;
            request.Added.Add(new Contributor { Record = part.Record.ToWire(), Requests = part.Requests, ContentHash = part.Hash });
            request.Backfilled += part.IsBackfill ? part.Requests : 0;
        }

        request.ExpectedHosts.AddRange(expected.Order(StringComparer.Ordinal));
        return request;
    }

    /// <summary>The commit under way is durable.</summary>
    /// <returns>The parts that now are committed.</returns>
    public IReadOnlyList<PendingPart> Committed(CommitRequest request, ulong revision, Moment now)
    {
        var done = TakeInFlight();
        foreach (var part in done)
        {
            _settled[part.Record] = (part.Hash, Fate.Committed);
            _committedHosts.Add(part.Record.Node);
        }

        Revision = revision;
        IsFinal = request.Final;
        Backfilled = request.Backfilled;
        StoredExpected = request.ExpectedHosts.ToHashSet();
        CommittedTotals = request.Totals;
        FirstPendingAt = now.Up;
        LastTouched = now.Up;
        _backoff = default;
        return done;
    }

    /// <summary>The parts of the commit under way, which no longer are pending.</summary>
    public IReadOnlyList<PendingPart> TakeInFlight()
    {
        IsCommitting = false;
        var taken = _pending.Values.Where(part => part.InFlight).ToList();
        foreach (var part in taken)
        {
            _pending.Remove(part.Record);
        }

        return taken;
    }

    /// <summary>
    /// The gateway could not be asked, or its answer was lost. Nothing is taken back: if the commit did happen, the next
    /// one names a revision that is gone, and loses.
    /// </summary>
    public void RetryCommit(Moment now, SeriesRules rules)
    {
        IsCommitting = false;
        foreach (var part in _pending.Values)
        {
            part.InFlight = false;
        }

        Backoff(now, rules);
    }

    /// <summary>Forgets everything that was merged and committed here; what it held is loaded, and sent, again.</summary>
    public void Forget(Moment now, SeriesRules rules)
    {
        Clear();
        State = Phase.Unloaded;
        Backoff(now, rules);
    }

    private void Clear()
    {
        _settled.Clear();
        _pending.Clear();
        _floors.Clear();
        _contributors.Clear();
        _committedHosts.Clear();
        _merged = new SeriesTotals();
        IsCommitting = false;
        Revision = 0;
        IsFinal = false;
        Backfilled = 0;
    }

    private void Backoff(Moment now, SeriesRules rules)
    {
        _backoff = rules.NextBackoff(_backoff);
        RetryAt = now.Up + _backoff;
    }
}
