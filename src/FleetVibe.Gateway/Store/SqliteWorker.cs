using Microsoft.Data.Sqlite;

namespace FleetVibe.Gateway.Store;

/// <summary>
/// The one thread of a connection. Works that wait share a transaction, a savepoint each, and are answered only after its
/// COMMIT: a failed work takes nothing with it, a failed COMMIT fails all of them.
/// </summary>
internal sealed class SqliteWorker : IDisposable
{
    private const int MostInOneTransaction = 512;
    private const int MostWaiting = 20_000;

    private const int SqliteFull = 13;
    private const int SqliteCorrupt = 11;
    private const int SqliteNotADatabase = 26;
    private const int SqliteIoErrorShmSize = 4874;

    private readonly SqliteDatabase _database;
    private readonly string _begin;
    private readonly Action _damaged;
    private readonly WorkQueue<Work> _queue;
    private readonly Thread _thread;
    private Exception? _broken;

    /// <param name="readOnly">A snapshot for each group instead of a write transaction.</param>
    /// <param name="damaged">Called once when SQLite finds the file damaged.</param>
    internal SqliteWorker(SqliteDatabase database, bool readOnly, TimeProvider clock, Action damaged)
    {
        _database = database;
        _begin = readOnly ? "BEGIN" : "BEGIN IMMEDIATE";
        _damaged = damaged;
        _queue = new WorkQueue<Work>(clock, MostWaiting);
        _thread = new Thread(Loop) { IsBackground = true, Name = readOnly ? "commit-log-reader" : "commit-log-writer" };
        _thread.Start();
    }

    /// <summary>For tests: runs on the thread just before every COMMIT.</summary>
    internal Action? BeforeCommit { get; set; }

    /// <summary>Completes after the work's transaction is committed, which for a writer means fsynced.</summary>
    /// <exception cref="StoreFullException">Nothing was written.</exception>
    /// <exception cref="StoreUnavailableException">Stopped, or too much waits.</exception>
    internal Task<T> RunAsync<T>(Func<SqliteDatabase, T> work, bool deferrable = false)
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
            if (_broken is not null)
            {
                Fail(group, _broken);
                continue;
            }

            try
            {
                RunGroup(group);
            }
            catch (Exception e)
            {
                var error = Translate(e);
                RollBack();
                Fail(group, error);
            }
        }

        _database.Dispose();
    }

    private void RunGroup(IReadOnlyList<Work> group)
    {
        _database.Execute(_begin);
        foreach (var work in group)
        {
            _database.Execute("SAVEPOINT work");
            try
            {
                work.Run(_database);
            }
            catch (Exception e) when (_database.InTransaction && Translate(e) == e)
            {
                work.Error = e;
                _database.Execute("ROLLBACK TO work");
            }

            _database.Execute("RELEASE work");
        }

        BeforeCommit?.Invoke();
        _database.Execute("COMMIT");
        foreach (var work in group)
        {
            work.Answer();
        }
    }

    private static void Fail(IReadOnlyList<Work> group, Exception error)
    {
        foreach (var work in group)
        {
            work.Error = error;
            work.Answer();
        }
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
        catch (SqliteException e)
        {
            _broken ??= new StoreUnusableException("the commit log cannot end a failed transaction: restart the gateway", e);
        }
    }

    private Exception Translate(Exception e)
    {
        switch (e)
        {
            case SqliteException { SqliteErrorCode: SqliteFull } or SqliteException { SqliteExtendedErrorCode: SqliteIoErrorShmSize }:
                return new StoreFullException("the commit log has no room left: free disk space, or raise the store limit under [gateway]", e);
            case SqliteException { SqliteErrorCode: SqliteCorrupt or SqliteNotADatabase }:
                if (_broken is null)
                {
                    _damaged();
                }

                _broken ??= new StoreDamagedException("the commit log is damaged; a restart of the gateway sets it aside", e);
                return _broken;
            default:
                return e;
        }
    }

    private abstract class Work
    {
        internal Exception? Error { get; set; }

        internal abstract void Run(SqliteDatabase database);

        internal abstract void Answer();
    }

    private sealed class Work<T>(Func<SqliteDatabase, T> work) : Work
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        internal Task<T> Task => _done.Task;

        internal override void Run(SqliteDatabase database) => _result = work(database);

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
