using System.Collections.Concurrent;
using System.Globalization;
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

    // Set aside, and the one that takes its place is not open yet.
    private (string Aside, string Why)? _lost;

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
    internal Task<T> RunAsync<T>(Func<SpoolStore, T> work) => EnqueueAsync(() => work(Store()));

    /// <summary>Sets the spool aside as lost and begins a new instance; where that fails it is tried again with the next work.</summary>
    /// <param name="why">What the operator is told.</param>
    internal Task<SpoolStatus> ReplaceAsync(string why) => EnqueueAsync(() =>
    {
        SetAside("lost", why, _file!.LastWrite());
        return Store().Status;
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
        var written = _file.LastWrite();
        try
        {
            connection = _file.Open();
            _store = SpoolStore.Open(connection, _file.LastAside is not null, _time.GetUtcNow());
            _store.Load();
            if (_store.IsNew && _file.LastAside is { } aside)
            {
                TellLost(aside, "it was set aside, and the agent ended before the new one was begun" + Gap(_file.LastWriteOf(aside)));
            }
        }
        catch (Exception e) when (e is SpoolDamagedException || (e is SqliteException sqlite && SpoolFile.IsDamage(sqlite)))
        {
            connection?.Dispose();
            SetAside("damaged", e.Message, written);
            Store();
        }
    }

    private SpoolStore Store()
    {
        if (_lost is var (aside, why))
        {
            _store = SpoolStore.Open(_file!.Open(), true, _time.GetUtcNow());
            TellLost(aside, why);
            _lost = null;
        }

        return _store!;
    }

    private void SetAside(string state, string why, DateTimeOffset? written)
    {
        _store?.Dispose();
        _lost = (_file!.SetAside(state, _time.GetUtcNow()), why + Gap(written));
    }

    // In which time requests may be missing, as far as that is known.
    private string Gap(DateTimeOffset? written) => written is { } last
        ? string.Create(CultureInfo.InvariantCulture, $"; requests from {last.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, its last write, to {_time.GetUtcNow().UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC may be missing, and what it held unsent from before")
        : "";

    private void TellLost(string aside, string why)
    {
        LogSpoolLost(_file!.Path, why, aside);
        _store!.LostWhy = why;
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
