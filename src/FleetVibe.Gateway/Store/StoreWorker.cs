namespace FleetVibe.Gateway.Store;

/// <summary>
/// The one thread of a connection. Works that wait share a transaction, a savepoint each, and are answered only after its
/// COMMIT: a failed work takes nothing with it, a failed COMMIT fails all of them. Where room is missing, each is run by itself,
/// so that works that need or make none do not fail with the others.
/// </summary>
internal sealed class StoreWorker : IDisposable
{
    private const int MostInOneTransaction = 512;
    private const int MostWaiting = 20_000;

    private const int MostTries = 5;

    private readonly Database _database;
    private readonly bool _readOnly;
    private readonly Action _damaged;
    private readonly StoreHealth? _health;
    private readonly WorkQueue<Work> _queue;
    private readonly Thread _thread;
    private Exception? _broken;

    /// <param name="readOnly">A snapshot for each group instead of a write transaction.</param>
    /// <param name="damaged">Called once when the store is found damaged.</param>
    /// <param name="health">Is told whether transactions are committed.</param>
    internal StoreWorker(Database database, bool readOnly, TimeProvider clock, Action damaged, StoreHealth? health = null)
    {
        _database = database;
        _readOnly = readOnly;
        _damaged = damaged;
        _health = health;
        _queue = new WorkQueue<Work>(clock, MostWaiting);
        _thread = new Thread(Loop) { IsBackground = true, Name = readOnly ? "commit-log-reader" : "commit-log-writer" };
        _thread.Start();
    }

    /// <summary>For tests: runs on the thread just before every COMMIT.</summary>
    internal Action? BeforeCommit { get; set; }

    /// <summary>Completes after the work's transaction is committed, which for a writer means fsynced.</summary>
    /// <exception cref="StoreFullException">Nothing was written.</exception>
    /// <exception cref="StoreUnavailableException">Stopped, out of reach, or too much waits.</exception>
    internal Task<T> RunAsync<T>(Func<Database, T> work, bool deferrable = false)
    {
        var item = new Work<T>(work);
        return _queue.TryAdd(item, deferrable)
            ? item.Task
            : Task.FromException<T>(new StoreUnavailableException("the commit log is stopping or overloaded: try again"));
    }

    /// <summary>Finishes what waits, then closes the connection.</summary>
    public void Dispose()
    {
        _queue.Close();
        if (Thread.CurrentThread != _thread)
        {
            _thread.Join();
        }

        _queue.Dispose();
    }

    private void Loop()
    {
        while (_queue.Take(MostInOneTransaction) is { Count: > 0 } group)
        {
            if (Run(group) is { } error)
            {
                _health?.Fails(error.Message);
            }
            else
            {
                _health?.Works();
            }

            foreach (var work in group)
            {
                work.Answer();
            }
        }

        _database.Dispose();
    }

    // Null where the store took all of them; a fault of the store, the last one, where it did not.
    private Exception? Run(IReadOnlyList<Work> group)
    {
        if (_broken is not null)
        {
            return Fail(group, _broken);
        }

        try
        {
            RunGroup(group);
            return null;
        }
        catch (Exception e)
        {
            var error = Translate(e);
            RollBack();
            return error is StoreFullException && group.Count > 1 ? RunOneByOne(group) : Fail(group, error);
        }
    }

    private Exception? RunOneByOne(IReadOnlyList<Work> group)
    {
        Exception? last = null;
        foreach (var work in group)
        {
            last = Run([work]) ?? last;
        }

        return last;
    }

    private void RunGroup(IReadOnlyList<Work> group)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                RunOnce(group);
                return;
            }
            catch (Exception e) when (tries < MostTries && _database.IsWorthRetrying(e))
            {
                RollBack();
            }
        }
    }

    private void RunOnce(IReadOnlyList<Work> group)
    {
        _database.Begin(write: !_readOnly);
        foreach (var work in group)
        {
            work.Error = null;
            _database.Execute("SAVEPOINT work");
            try
            {
                work.Run(_database);
            }
            catch (Exception e) when (_database.InTransaction && !_database.IsWorthRetrying(e) && Translate(e) == e)
            {
                work.Error = e;
                _database.Execute("ROLLBACK TO work");
            }

            _database.Execute("RELEASE work");
        }

        BeforeCommit?.Invoke();
        _database.Execute("COMMIT");
    }

    private static Exception Fail(IReadOnlyList<Work> group, Exception error)
    {
        foreach (var work in group)
        {
            work.Error = error;
        }

        return error;
    }

    private void RollBack()
    {
        try
        {
            if (_database.InTransaction)
            {
                _database.Execute("ROLLBACK");
            }
        }
        catch (Exception e)
        {
            if (!_database.Renew())
            {
                _broken ??= new StoreUnusableException("the commit log cannot end a failed transaction: restart the gateway", e);
            }
        }
    }

    private Exception Translate(Exception e)
    {
        var explained = _database.Explain(e);
        if (explained is StoreDamagedException)
        {
            if (_broken is null)
            {
                _damaged();
            }

            return _broken ??= explained;
        }

        return explained ?? e;
    }

    private abstract class Work
    {
        internal Exception? Error { get; set; }

        internal abstract void Run(Database database);

        internal abstract void Answer();
    }

    private sealed class Work<T>(Func<Database, T> work) : Work
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        internal Task<T> Task => _done.Task;

        internal override void Run(Database database) => _result = work(database);

        internal override void Answer()
        {
            if (Error is null)
            {
                _done.TrySetResult(_result);
            }
            else
            {
                _done.TrySetException(Error);
            }
        }
    }
}
