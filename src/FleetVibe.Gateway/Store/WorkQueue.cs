namespace FleetVibe.Gateway.Store;

/// <summary>
/// What waits for the one thread that may write. Urgent work wakes it at once and takes along what may wait;
/// deferrable work alone waits for company, at most <see cref="Patience"/>.
/// </summary>
internal sealed class WorkQueue<T>(TimeProvider clock, int capacity) : IDisposable
{
    /// <summary>How long deferrable work waits.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly object _lock = new();
    private readonly Queue<T> _waiting = [];
    private ITimer? _patience;
    private bool _wake;
    private bool _closed;

    /// <summary>Whether <see cref="Take"/> would find work without waiting.</summary>
    internal bool IsDue
    {
        get
        {
            lock (_lock)
            {
                return _wake;
            }
        }
    }

    /// <summary>False where the queue is full or closed.</summary>
    internal bool TryAdd(T item, bool deferrable)
    {
        lock (_lock)
        {
            if (_closed || _waiting.Count >= capacity)
            {
                return false;
            }

            _waiting.Enqueue(item);
            if (!deferrable)
            {
                Wake();
            }
            else if (!_wake && _patience is null)
            {
                _patience = clock.CreateTimer(_ => PatienceIsOver(), null, Patience, Timeout.InfiniteTimeSpan);
            }

            return true;
        }
    }

    /// <summary>Blocks until there is something to do; empty only after <see cref="Close"/>.</summary>
    internal IReadOnlyList<T> Take(int most)
    {
        lock (_lock)
        {
            while (!_wake && !_closed)
            {
                Monitor.Wait(_lock);
            }

            var taken = new List<T>(Math.Min(most, _waiting.Count));
            while (taken.Count < most && _waiting.TryDequeue(out var item))
            {
                taken.Add(item);
            }

            _wake = _waiting.Count > 0;
            if (!_wake)
            {
                _patience?.Dispose();
                _patience = null;
            }

            return taken;
        }
    }

    /// <summary>No more is taken in; what waits is still handed out.</summary>
    internal void Close()
    {
        lock (_lock)
        {
            _closed = true;
            Monitor.PulseAll(_lock);
        }
    }

    public void Dispose()
    {
        Close();
        lock (_lock)
        {
            _patience?.Dispose();
            _patience = null;
        }
    }

    private void PatienceIsOver()
    {
        lock (_lock)
        {
            if (_waiting.Count > 0)
            {
                Wake();
            }
        }
    }

    private void Wake()
    {
        _wake = true;
        Monitor.PulseAll(_lock);
    }
}
