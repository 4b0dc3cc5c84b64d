using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace FleetVibe.Chaos.Failover;

/// <summary>Looks into the gateway's commit log ten times a second: when each window was committed first with anybody's figures in it.</summary>
internal sealed class CommitWatch(string folder, TimeProvider time) : IAsyncDisposable
{
    private const string FileName = "commit-log.db";
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LookBack = TimeSpan.FromMinutes(3);

    private readonly ConcurrentDictionary<(string Model, long Start), DateTimeOffset> _committed = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _watching = Task.CompletedTask;

    public void Start() => _watching = Task.Run(WatchAsync);

    /// <summary>Null while it is not committed. Late by one look at the most.</summary>
    public DateTimeOffset? CommittedAt(string model, long start) => _committed.TryGetValue((model, start), out var at) ? at : null;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        _stop.Dispose();
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        SqliteConnection? log = null;
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                try
                {
                    log ??= Open();
                    if (log is not null)
                    {
                        Look(log);
                    }
                }
                catch (SqliteException)
                {
                    // Not yet made, or busy: the next look is soon.
                    log?.Dispose();
                    log = null;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
        finally
        {
            log?.Dispose();
        }
    }

    private SqliteConnection? Open()
    {
        if (Directory.EnumerateFiles(folder, FileName, SearchOption.AllDirectories).FirstOrDefault() is not { } path)
        {
            return null;
        }

        var log = new SqliteConnection($"Data Source={path};Mode=ReadOnly;Pooling=False");
        log.Open();
        return log;
    }

    private void Look(SqliteConnection log)
    {
        using var command = log.CreateCommand();
        command.CommandText = "SELECT s.model, w.start FROM windows w JOIN series s ON s.id = w.series WHERE w.level = 0 AND w.start >= $since AND w.hosts <> '[]'";
        command.Parameters.AddWithValue("$since", (time.GetUtcNow() - LookBack).ToUnixTimeSeconds());
        using var rows = command.ExecuteReader();
        while (rows.Read())
        {
            _committed.TryAdd((rows.GetString(0), rows.GetInt64(1)), time.GetUtcNow());
        }
    }
}
