using FleetVibe.Agent.Spool;
using FleetVibe.Metrics.Windows;
using Google.Protobuf;

namespace FleetVibe.Agent.Accumulating;

/// <summary>When a spool transaction is due, and what goes into it.</summary>
internal sealed partial class AccumulatorState
{
    /// <summary>Lines that are folded without a transaction at most.</summary>
    internal const int MaxFoldedLines = 5_000;

    /// <summary>How long the first records wait for the aggregator's clock.</summary>
    internal static readonly TimeSpan HandshakePatience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan StoreInterval = TimeSpan.FromSeconds(WindowClock.BaseSeconds);
    private static readonly TimeSpan CatchUpInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FutureLimit = TimeSpan.FromMinutes(5);

    private readonly DateTimeOffset _startedAt;
    private readonly List<long> _moved = [];
    private DateTimeOffset _lastTransaction;
    private long _nextLive;
    private bool _closableFolded;

    // A source brought its first checkpoint: until that is stored, a crash would meet its log as one never seen before,
    // and what was rotated away meanwhile would be nobody's.
    private bool _firstSeen;
    private bool _clockKnown;

    // Requests that no source could report again.
    private bool _onlyHere;

    // A source answers for what it reported only once that is stored.
    private bool _isAwaited;

    /// <summary>
    /// Takes the clock offset of a handshake. With the first one, windows that were opened since the start move by
    /// whole windows; later ones, as steps of this node's clock, only act on what is folded from then on.
    /// </summary>
    internal void SetClockOffset(TimeSpan offset)
    {
        var change = offset - ClockOffset;
        var windows = (long)Math.Round(change.TotalSeconds / WindowClock.BaseSeconds);
        if (!_clockKnown && windows != 0)
        {
            MoveOpenWindows(windows * WindowClock.BaseSeconds);
            _nextLive += windows * WindowClock.BaseSeconds;
        }

        ClockOffset = offset;
        _clockKnown = true;
    }

    /// <summary>Whether a transaction should be written now.</summary>
    internal bool IsTransactionDue(DateTimeOffset now)
    {
        var sinceLast = now - _lastTransaction;
        return _folded >= MaxFoldedLines
            || _firstSeen
            || _superseded.Count > 0
            || (!MayClose(now) && sinceLast >= StoreInterval && _open.Values.Any(part => part.IsDirty))
            || ((_closableFolded || _onlyHere || _isAwaited) && (sinceLast >= CatchUpInterval || sinceLast < TimeSpan.Zero))
            || (MayClose(now) && (IsClosable(_nextLive, Corrected(now)) || WasSetBack(Corrected(now))));
    }

    /// <summary>
    /// Takes what one transaction must write; windows that close leave the state. The batch must be committed before
    /// the next one is taken, again and again if need be: it holds what the state no longer does.
    /// </summary>
    /// <param name="storeOnly">Close nothing: the last transaction before a stop.</param>
    internal SpoolBatch TakeBatch(DateTimeOffset now, int offerBudget, bool storeOnly = false) =>
        Take(now, offerBudget, storeOnly || !MayClose(now) ? [] : CloseWindows(Corrected(now), all: false));

    /// <summary>Takes everything: open windows close as they are, and what comes later makes further records of them.</summary>
    internal SpoolBatch TakeAll(DateTimeOffset now) => Take(now, offerBudget: 0, CloseWindows(Corrected(now), all: true));

    private SpoolBatch Take(DateTimeOffset now, int offerBudget, List<ClosingWindow> closing)
    {
        var today = Corrected(now);
        var open = new List<OpenWindowRow>();
        foreach (var part in _open.Values.Where(part => part.IsDirty))
        {
            open.Add(new OpenWindowRow(part.Start, StoredWindowMapper.ToStored(part).ToByteArray()));
            part.IsDirty = false;
        }

        var batch = new SpoolBatch
        {
            At = today,
            ClockOffset = ClockOffset,
            Closing = closing,
            Open = open,
            Moved = [.. _moved],
            Checkpoints = new Dictionary<string, byte[]>(_pendingCheckpoints),
            Sources = _sources.Keys,
            Superseded = [.. _superseded],
            Seen = _seen,
            OpenRequests = _openRequests,
            WideRequests = _wide,
            OtherVariants = _otherVariants,
            OfferBudget = offerBudget,
        };
        _moved.Clear();
        _pendingCheckpoints.Clear();
        _superseded.Clear();
        _seen = _wide = _otherVariants = 0;
        _folded = 0;
        _closableFolded = false;
        _firstSeen = false;
        _onlyHere = false;
        _isAwaited = false;
        _lastTransaction = now;
        Series.Forget(today);
        return batch;
    }

    /// <summary>Whether records may be made: the clock is known, or was waited for long enough.</summary>
    internal bool MayClose(DateTimeOffset now) => _clockKnown || now - _startedAt >= HandshakePatience || now < _startedAt;

    private bool WasSetBack(DateTimeOffset today) => _nextLive > WindowClock.StartOf(today);

    private bool IsClosable(long start, DateTimeOffset today) =>
        WindowClock.EndOf(start) + _settings.Grace <= today || IsFuture(start, today);

    private static bool IsFuture(long start, DateTimeOffset today) => DateTimeOffset.FromUnixTimeSeconds(start) > today + FutureLimit;

    private List<ClosingWindow> CloseWindows(DateTimeOffset today, bool all)
    {
        var newest = WindowClock.StartOf(today - _settings.Grace) - WindowClock.BaseSeconds;
        _nextLive = WasSetBack(today) ? WindowClock.StartOf(today) : _nextLive;

        // After a pause of the whole machine only the newest window is known to have been idle.
        var firstLive = Math.Max(_nextLive, newest - (2 * WindowClock.BaseSeconds));
        for (var start = firstLive; start <= newest; start += WindowClock.BaseSeconds)
        {
            _open.TryAdd(start, new WindowPart(start));
        }

        var declared = Series.Declared(today);
        var closing = new List<ClosingWindow>();
        foreach (var start in _open.Keys.Where(start => all || IsClosable(start, today)).ToList())
        {
            var part = _open[start];
            _open.Remove(start);
            _loaded.Remove(start);
            _openRequests -= part.CountedRequests;
            var live = start >= firstLive && start <= newest;
            closing.Add(new ClosingWindow(part)
            {
                IsLive = live,
                IsFuture = IsFuture(start, today),
                Idle = [.. declared.Where(placement => IsUpIn(part, placement.Key.Source, live) && !part.Series.ContainsKey(placement.Key))],
            });
        }

        _nextLive = Math.Max(_nextLive, newest + WindowClock.BaseSeconds);
        return closing;
    }

    private bool IsUpIn(WindowPart part, string source, bool live) =>
        part.Targets.TryGetValue(source, out var target) ? target.Up : live && IsUp(source);

    private void MoveOpenWindows(long seconds)
    {
        var arrivals = new List<WindowPart>();
        foreach (var start in _open.Keys.Where(start => !_loaded.Contains(start)).ToList())
        {
            var part = _open[start];
            _open.Remove(start);
            _moved.Add(start);
            var moved = new WindowPart(start + seconds) { IsDirty = true };
            moved.Merge(part);
            arrivals.Add(moved);
        }

        foreach (var moved in arrivals)
        {
            if (_open.TryGetValue(moved.Start, out var present))
            {
                present.Merge(moved);
                present.IsDirty = true;
            }
            else
            {
                _open.Add(moved.Start, moved);
            }
        }
    }
}
