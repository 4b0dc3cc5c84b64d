using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Uplink;

/// <summary>
/// Which records go up next on one stream: first those that were offered on an earlier one, then live ones and the
/// backlog, oldest first, in turn. Never more than the credits without an acknowledgement. Not thread safe.
/// </summary>
/// <param name="credits">Records that may be unacknowledged at once.</param>
/// <param name="offered">Offered on an earlier stream, ascending.</param>
internal sealed class SendQueue(int credits, IReadOnlyList<ulong> offered)
{
    private readonly Queue<ulong> _resend = new(offered);
    private readonly Queue<ulong> _live = new();
    private readonly Queue<ulong> _backlog = new();
    private readonly HashSet<ulong> _inFlight = [];
    private readonly HashSet<ulong> _known = [.. offered];
    private bool _backlogEnded;
    private bool _backlogTurn;

    /// <summary>Records that may leave now.</summary>
    internal int Free => Math.Max(0, credits - _inFlight.Count);

    /// <summary>How many live records may be born as offered: they can leave at once.</summary>
    internal int OfferBudget => Math.Max(0, Free - _resend.Count - _live.Count);

    /// <summary>Whether the backlog must be read.</summary>
    internal bool BacklogWanted => Free > _resend.Count + _live.Count && _backlog.Count == 0 && !_backlogEnded;

    internal int InFlight => _inFlight.Count;

    internal void AddLive(ulong seq)
    {
        if (_known.Add(seq))
        {
            _live.Enqueue(seq);
        }
    }

    /// <summary>Records that are not live were spooled: there is a backlog again.</summary>
    internal void NoteBacklog() => _backlogEnded = false;

    /// <param name="page">Never offered, the oldest first. Those that are known already are passed over.</param>
    /// <param name="limit">How many were asked for.</param>
    internal void AddBacklog(IReadOnlyList<ulong> page, int limit)
    {
        _backlogEnded = page.Count < limit;
        foreach (var seq in page)
        {
            if (_known.Add(seq))
            {
                _backlog.Enqueue(seq);
            }
        }
    }

    /// <summary>Takes what may leave now; it counts as unacknowledged from here on.</summary>
    internal IReadOnlyList<ulong> Take()
    {
        var taken = new List<ulong>();
        while (_inFlight.Count < credits && Next() is { } seq)
        {
            _inFlight.Add(seq);
            taken.Add(seq);
        }

        return taken;
    }

    internal void Acknowledge(IEnumerable<SequenceRange> ranges)
    {
        foreach (var range in ranges)
        {
            _inFlight.RemoveWhere(seq => seq >= range.First && seq <= range.Last);
            _known.RemoveWhere(seq => seq >= range.First && seq <= range.Last);
        }
    }

    /// <summary>These turned out to be gone from the spool.</summary>
    internal void Forget(IReadOnlyCollection<ulong> sequences)
    {
        _inFlight.ExceptWith(sequences);
        _known.ExceptWith(sequences);
    }

    private ulong? Next()
    {
        if (_resend.TryDequeue(out var seq))
        {
            return seq;
        }

        _backlogTurn = !_backlogTurn;
        var (first, second) = _backlogTurn ? (_live, _backlog) : (_backlog, _live);
        return first.TryDequeue(out seq) || second.TryDequeue(out seq) ? seq : null;
    }
}
