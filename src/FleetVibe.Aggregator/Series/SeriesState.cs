using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Series;

/// <summary>
/// The only merger of one series' windows: decides what is loaded, merged, committed, answered and forgotten. Knows no
/// actor, no clock and no gateway; what it wants done it leaves in <see cref="TakeEffects"/>.
/// </summary>
internal sealed class SeriesState
{
    private readonly SeriesKey _series;
    private readonly SeriesRules _rules;
    private readonly ExpectedHosts _hosts;
    private readonly Dictionary<WindowId, SeriesWindow> _windows = [];
    private readonly WaitingParts _waiting;
    private List<SeriesEffect> _effects = [];
    private bool _isReady;
    private bool _isAsking;
    private TimeSpan _askAgainAt;
    private TimeSpan _askBackoff;
    private long _nextDue;
    private long _lastTicket;
    private bool _isStopping;

    public SeriesState(SeriesKey series, SeriesRules rules)
    {
        _series = series;
        _rules = rules;
        _hosts = new ExpectedHosts(rules, isVariant: series.Variant.Length > 0);
        _waiting = new WaitingParts(rules.MaxWaiting, rules.MaxWaitingBytes);
        Views = new SeriesViews(series, rules.ShownWindows);
    }

    public SeriesViews Views { get; }

    /// <summary>Whether a commit is under way whose answer sessions wait for.</summary>
    public bool IsCommitting => _windows.Values.Any(window => window.IsCommitting);

    /// <summary>Whether nothing is held and nobody feeds the series any more.</summary>
    public bool IsIdle => _isReady && _windows.Count == 0 && _hosts.IsEmpty;

    public IReadOnlyList<SeriesEffect> TakeEffects() => Interlocked.Exchange(ref _effects, []);

    /// <summary>Asks the gateway what the owner before left open; nothing is answered before that.</summary>
    public void Start()
    {
        _isAsking = true;
        _effects.Add(new SeriesEffect.LoadOpen());
    }

    /// <summary>Begins no further commit.</summary>
    public void Stop() => _isStopping = true;

    public void OpenWindowsLoaded(LoadOpenWindowsReply reply, Moment now)
    {
        if (_isReady)
        {
            return;
        }

        _isReady = true;
        _hosts.TakeOver(reply.ExpectedHosts, now);
        _nextDue = WindowClock.StartOf(now.Utc - _rules.Lateness);
        foreach (var state in reply.Windows)
        {
            if (GetOrAdd(WindowId.FromWire(state.Key), now, expectsLiveHosts: true) is { } window)
            {
                Hold(window, state, now);
            }
        }

        foreach (var early in _waiting.TakeAll())
        {
            Merge(early.Contribution, early.ReplyTo, now);
        }

        Tick(now);
    }

    public void OpenWindowsFailed(Moment now)
    {
        _isAsking = false;
        _askBackoff = _rules.NextBackoff(_askBackoff);
        _askAgainAt = now.Up + _askBackoff;
    }

    public void Declare(DeclareHost declaration, Moment now) => Views.Touch(
        declaration.Withdrawn ? _hosts.Withdraw(declaration.Host) : _hosts.Declare(declaration.Host, declaration.Open, now));

    public void Merge(MergeContribution contribution, object replyTo, Moment now)
    {
        if (!_isReady)
        {
            _waiting.Put(contribution, replyTo);
            return;
        }

        var id = WindowId.FromWire(contribution.Key);
        if (DateTimeOffset.FromUnixTimeSeconds(id.Start) - now.Utc > _rules.Future)
        {
            _effects.Add(SeriesReplies.Refuse(contribution, Fate.Future, replyTo));
            return;
        }

        if (GetOrAdd(id, now, now.Utc < id.End + _rules.Lateness) is not { } window)
        {
            return;
        }

        window.LastTouched = now.Up;
        if (window.State == SeriesWindow.Phase.Held)
        {
            Apply(window, contribution, replyTo, now);
            Consider(window, now);
        }
        else
        {
            _waiting.Put(contribution, replyTo);
            StartLoads(now);
        }
    }

    public void WindowLoaded(WindowId id, long ticket, WindowState state, Moment now)
    {
        if (FindAsked(id, ticket) is { State: SeriesWindow.Phase.Loading } window)
        {
            Hold(window, state, now);
            Consider(window, now);
        }

        StartLoads(now);
    }

    public void WindowLoadFailed(WindowId id, long ticket, Moment now)
    {
        if (FindAsked(id, ticket) is { State: SeriesWindow.Phase.Loading } window)
        {
            window.Forget(now, _rules);
        }
    }

    public void CommitAnswered(WindowId id, long ticket, CommitRequest request, CommitReply reply, Moment now)
    {
        if (FindAsked(id, ticket) is not { IsCommitting: true } window)
        {
            return;
        }

        Views.Touch(id);
        switch (reply.Outcome)
        {
            case CommitReply.Types.Outcome.Committed:
                _effects.AddRange(window.Committed(request, reply.Revision, now).Select(part => SeriesReplies.Committed(id.ToWire(_series), part)));
                Consider(window, now);
                break;
            case CommitReply.Types.Outcome.Late:
                // Below the horizon nothing is created. A part may have been committed before, by an attempt whose answer
                // was lost, so the fate that stands is asked for.
                _effects.AddRange(window.TakeInFlight().Select(part => SeriesReplies.Refuse(id.ToWire(_series), part, Fate.Late)));
                _windows.Remove(id);
                break;
            case CommitReply.Types.Outcome.OtherLog:
                _effects.Add(new SeriesEffect.Alarm($"the gateway holds another commit log than before: {reply.Reason}; restart the aggregators to accept it"));
                window.Forget(now, _rules);
                break;
            default:
                // Another owner was faster, or the commit before this one did happen.
                window.Forget(now, _rules);
                break;
        }
    }

    public void CommitFailed(WindowId id, long ticket, Moment now)
    {
        if (FindAsked(id, ticket) is { IsCommitting: true } window)
        {
            window.RetryCommit(now, _rules);
        }
    }

    /// <summary>What is due by the clock alone.</summary>
    public void Tick(Moment now)
    {
        if (!_isReady)
        {
            if (!_isAsking && now.Up >= _askAgainAt)
            {
                Start();
            }

            return;
        }

        AddDueWindows(now);
        StartLoads(now);
        foreach (var window in _windows.Values.ToList())
        {
            Consider(window, now);
            if (NothingIsDue(window, now) && now.Up - window.LastTouched > _rules.ForgetAfter)
            {
                Release(window, now);
            }
        }

        _hosts.ForgetGone(now);
    }

    /// <summary>The windows whose figures changed since the last call, or all that are shown.</summary>
    public SeriesView TakeView(Moment now, bool all) => Views.Take(_windows, _hosts, window => Expected(window, now), now, all);

    private void Hold(SeriesWindow window, WindowState state, Moment now)
    {
        try
        {
            window.Hold(state, now);
        }
        catch (InvalidDataException e)
        {
            _effects.Add(new SeriesEffect.Alarm($"the gateway's window {window.Id.Level} {window.Start} of {TotalsMapper.FromWire(_series)} cannot be read: {e.Message}"));
            window.Forget(now, _rules);
            return;
        }

        Views.Touch(window.Id);
        foreach (var part in _waiting.Take(window.Id))
        {
            Apply(window, part.Contribution, part.ReplyTo, now);
        }
    }

    private void Apply(SeriesWindow window, MergeContribution contribution, object replyTo, Moment now)
    {
        var record = RecordKey.FromWire(contribution.Record);
#if BREAK_NOCONTRIBUTORCHECK
        MergeNew(window, record, contribution, replyTo, now);
#else
        if (window.TryGetSettled(record, out var hash, out var fate))
        {
            if (hash != contribution.ContentHash && fate == Fate.Committed)
            {
                _effects.Add(SeriesReplies.Forgery(_series, record));
                _effects.Add(SeriesReplies.Refuse(contribution, Fate.Undecodable, replyTo, forged: true));
            }
            else
            {
                _effects.Add(SeriesReplies.Again(contribution, replyTo, fate));
            }
        }
        else if (window.IsBelowFloor(record))
        {
            _effects.Add(SeriesReplies.Again(contribution, replyTo, Fate.Committed));
        }
        else if (window.FindPending(record) is { } pending)
        {
            if (pending.Hash != contribution.ContentHash)
            {
                // No answer: once the first content has its fate, this one is refused.
                _effects.Add(SeriesReplies.Forgery(_series, record));
                return;
            }

            pending.ReplyTo = replyTo;
            _effects.Add(SeriesReplies.Held(contribution, replyTo));
        }
        else
        {
            MergeNew(window, record, contribution, replyTo, now);
        }
#endif
    }

    private void MergeNew(SeriesWindow window, RecordKey record, MergeContribution contribution, object replyTo, Moment now)
    {
        SeriesTotals totals;
        try
        {
            totals = TotalsMapper.FromWire(contribution.Totals);
        }
        catch (InvalidDataException)
        {
            _effects.Add(SeriesReplies.Refuse(contribution, Fate.Undecodable, replyTo));
            return;
        }

        var isBackfill = window.IsFinal || now.Utc >= window.End + _rules.Lateness;
        window.Merge(new PendingPart(record, contribution.ContentHash, (ulong)totals.Requests, isBackfill) { ReplyTo = replyTo }, totals, now);
        _hosts.NoteContribution(record.Node, now);
        Views.Touch(window.Id);
    }

    private void Consider(SeriesWindow window, Moment now)
    {
        if (_isStopping || window.State != SeriesWindow.Phase.Held || window.IsCommitting || now.Up < window.RetryAt)
        {
            return;
        }

        var expected = Expected(window, now);
        if (CommitRule.IsDue(window, expected, now, _rules))
        {
            var final = window.IsFinal || now.Utc >= window.End + _rules.Lateness;
            var request = window.BeginCommit(window.Id.ToWire(_series), ++_lastTicket, expected, final);
            request.Deferrable = CommitRule.IsBackfill(window, now, _rules);
            _effects.Add(new SeriesEffect.Commit(window.Id, window.Ticket, request));
        }
    }

    private HashSet<string> Expected(SeriesWindow window, Moment now)
    {
        var expected = new HashSet<string>(window.StoredExpected);
        expected.UnionWith(window.Contributors);
        if (window.ExpectsLiveHosts)
        {
            expected.UnionWith(_hosts.For(window.Start, now));
        }

        return expected;
    }

    // A window to which nobody contributes is committed too, and says so.
    private void AddDueWindows(Moment now)
    {
        // The clock was set back: from now on these windows are due once more, and those that are final cost a look.
        _nextDue = Math.Min(_nextDue, WindowClock.StartOf(now.Utc));
        for (; WindowClock.EndOf(_nextDue) <= now.Utc; _nextDue += WindowClock.BaseSeconds)
        {
            if (!_windows.ContainsKey(WindowId.Base(_nextDue)) && _hosts.For(_nextDue, now).Any())
            {
                GetOrAdd(WindowId.Base(_nextDue), now, expectsLiveHosts: true);
            }
        }
    }

    private SeriesWindow? GetOrAdd(WindowId id, Moment now, bool expectsLiveHosts)
    {
        if (_windows.TryGetValue(id, out var window))
        {
            return window;
        }

        if (_windows.Count >= _rules.MaxWindows)
        {
            var idle = _windows.Values.Where(held => NothingIsDue(held, now)).MinBy(held => held.LastTouched);
            if (idle is null)
            {
                return null;
            }

            Release(idle, now);
        }

        return _windows[id] = new SeriesWindow(id, expectsLiveHosts) { LastTouched = now.Up };
    }

    // The newest first: the backlog has time.
    private void StartLoads(Moment now)
    {
        var free = _rules.ConcurrentLoads - _windows.Values.Count(window => window.State == SeriesWindow.Phase.Loading);
        if (free <= 0)
        {
            return;
        }

        foreach (var window in _windows.Values
            .Where(window => window.State == SeriesWindow.Phase.Unloaded && now.Up >= window.RetryAt)
            .OrderByDescending(window => window.Start).Take(free).ToList())
        {
            window.BeginLoad(++_lastTicket);
            _effects.Add(new SeriesEffect.Load(window.Id, window.Ticket));
        }
    }

    private bool NothingIsDue(SeriesWindow window, Moment now) =>
        window.State == SeriesWindow.Phase.Held && !window.IsCommitting && !window.HasPending
        && (window.IsFinal || (window.Revision == 0 && now.Utc >= window.End + _rules.Lateness && Expected(window, now).Count == 0));

    private void Release(SeriesWindow window, Moment now)
    {
        Views.Keep(window, Expected(window, now));
        _windows.Remove(window.Id);
    }

    private SeriesWindow? FindAsked(WindowId id, long ticket) =>
        _windows.TryGetValue(id, out var window) && window.Ticket == ticket ? window : null;
}
