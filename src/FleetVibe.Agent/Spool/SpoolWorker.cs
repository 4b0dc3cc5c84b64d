using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Agent.Spool;

/// <summary>
/// The one thread on which the spool is used, first come first served. Everything else hands its work over and gets a
/// task; no dispatcher thread ever waits for the disk.
/// </summary>
internal sealed partial class SpoolWorker : IDisposable
{
    private readonly BlockingCollection<Action> _work = new(new ConcurrentQueue<Action>());
    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Thread _thread;
    private SpoolFile? _file;
    private SpoolStore? _store;

    private SpoolWorker(string directory, TimeProvider time, ILogger log)
    {
        _directory = directory;
        _time = time;
        _log = log;
        _thread = new Thread(Run) { IsBackground = true, Name = "spool" };
        _thread.Start();
    }

    /// <summary>Opens the spool of a folder; a damaged one is set aside.</summary>
    /// <exception cref="SpoolException">It cannot be used; the message says what to do.</exception>
    internal static async Task<SpoolWorker> OpenAsync(string directory, TimeProvider time, ILogger log)
    {
        var worker = new SpoolWorker(directory, time, log);
        try
        {
            await worker.EnqueueAsync(() =>
            {
                worker.OpenFile();
                return true;
            });
            return worker;
        }
        catch
        {
            worker.Dispose();
            throw;
        }
    }

    /// <summary>Runs a piece of work on the spool's thread, after all that was handed over before.</summary>
    internal Task<T> RunAsync<T>(Func<SpoolStore, T> work) => EnqueueAsync(() => work(_store!));

    /// <summary>Sets the spool aside as lost and begins a new instance.</summary>
    internal Task<SpoolStatus> ReplaceAsync(string why) => EnqueueAsync(() =>
    {
        _store!.Dispose();
        Begin(_file!.SetAside(why, _time.GetUtcNow()), why);
        return _store.Status;
    });

    public void Dispose()
    {
        if (!_work.IsAddingCompleted)
        {
            _work.CompleteAdding();
        }

        // What was handed over is finished first; the lock goes last.
        _thread.Join();
    }

    private void OpenFile()
    {
        _file = SpoolFile.Lock(_directory);
        SqliteConnection? connection = null;
        try
        {
            connection = _file.Open();
            _store = SpoolStore.Open(connection, false, _time.GetUtcNow());
            _store.Load();
        }
        catch (Exception e) when (e is SpoolDamagedException || (e is SqliteException sqlite && SpoolFile.IsDamage(sqlite)))
        {
            connection?.Dispose();
            Begin(_file.SetAside("damaged", _time.GetUtcNow()), e.Message);
        }
    }

    private void Begin(string asideName, string why)
    {
        LogSpoolLost(_file!.Path, why, asideName);
        _store = SpoolStore.Open(_file.Open(), true, _time.GetUtcNow());
        _store.LostWhy = why;
    }

    private Task<T> EnqueueAsync<T>(Func<T> work)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            _work.Add(() =>
            {
                try
                {
                    completion.SetResult(work());
                }
                catch (Exception e)
                {
                    completion.SetException(e);
                }
            });
        }
        catch (InvalidOperationException)
        {
            completion.SetException(new SpoolException("the spool is closed"));
        }

        return completion.Task;
    }

    private void Run()
    {
        foreach (var work in _work.GetConsumingEnumerable())
        {
            work();
        }

        _store?.Dispose();
        _file?.Dispose();
    }

    [LoggerMessage(1, LogLevel.Error, "spool_lost: {Path} cannot be used ({Why}); it was kept as {Aside} and a new spool begins: logs go on from their end, counters from a baseline")]
    private partial void LogSpoolLost(string path, string why, string aside);
}
