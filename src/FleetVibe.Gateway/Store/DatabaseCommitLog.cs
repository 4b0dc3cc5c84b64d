using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Store;

/// <summary>The commit log and its outbox in one database: one thread writes, one reads. Thread safe.</summary>
internal sealed class DatabaseCommitLog : ICommitLog, IOutbox, IDisposable
{
    private const int MostPrunedAtOnce = 2000;

    // Some milliseconds: commits that come meanwhile wait no longer.
    private const int RollUpsInOneTurn = 16;
    private const long ReserveBytes = 1 << 20;

    // Contributors are listed from the fates, for this long after a window's last revision.
    private static readonly TimeSpan FatesKept = TimeSpan.FromHours(1);
    private static readonly TimeSpan RollUpsKept = TimeSpan.FromDays(30);
    private static readonly TimeSpan DeadLettersKept = TimeSpan.FromDays(30);

    private readonly GatewaySettings _settings;
    private readonly TimeProvider _clock;
    private readonly IStoreBackend _backend;
    private readonly StoreHealth _health;
    private readonly StoreAlarms _alarms;
    private readonly StoreWorker _reader;

    // What this process sends, and what it sent and could not end: with both gone, so is the process that might still write.
    private readonly ConcurrentDictionary<long, IReadOnlyList<BatchLine>> _underWay = [];
    private readonly ConcurrentDictionary<long, IReadOnlyList<BatchLine>> _notEnded = [];

    /// <exception cref="StoreUnusableException">The log cannot be run as it must be.</exception>
    internal DatabaseCommitLog(IStoreBackend backend, GatewaySettings settings, TimeProvider clock, ILogger logger)
    {
        _settings = settings;
        _clock = clock;
        _backend = backend;
        _health = new StoreHealth(logger);
        _alarms = new StoreAlarms(logger);
        var writer = _backend.OpenWriter();
        _backend.LimitSize(writer, settings.StoreMaxBytes);
        writer.Begin(write: true);
        WindowTable.AdvanceHorizon(writer, clock.GetUtcNow(), settings.WindowRetention);
        writer.Execute("COMMIT");
        Writer = new StoreWorker(writer, readOnly: false, clock, _backend.MarkDamaged, _health);
        _reader = new StoreWorker(_backend.OpenReader(), readOnly: true, clock, _backend.MarkDamaged);
    }

    /// <summary>Opens the store that the settings name, and the log in it.</summary>
    /// <exception cref="StoreUnusableException">The log cannot be run as it must be.</exception>
    internal static DatabaseCommitLog Open(GatewaySettings settings, TimeProvider clock, ILogger logger)
    {
        IStoreBackend backend = settings.Postgres is { } postgres
            ? new PostgresBackend(postgres, settings.WindowRetention, clock, logger)
            : CommitLogFile.Open(settings.DataDirectory, clock, logger, settings.WindowRetention);
        try
        {
            return new DatabaseCommitLog(backend, settings, clock, logger);
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    public LogIdentity Identity => _backend.Identity;

    /// <summary>For tests.</summary>
    internal StoreWorker Writer { get; }

    /// <summary>For tests: reads on the reading thread.</summary>
    internal Task<T> ReadAsync<T>(Func<Database, T> read) => _reader.RunAsync(read);

    public Task<WindowState> LoadWindowAsync(WindowKey key, bool withHistory = false) => ReadAsync(db =>
    {
        var state = WindowTable.StateOf(db, key, Identity.LogId);
        if (withHistory)
        {
            state.History.Add(RevisionTable.Of(db, key));
        }

        return state;
    });

    public Task<LoadOpenWindowsReply> LoadOpenWindowsAsync(SeriesKey series) =>
        ReadAsync(db => WindowTable.OpenWindowsOf(db, series, Identity.LogId));

    public async Task<CommitReply> CommitAsync(SoundCommit commit)
    {
        var answer = await Writer.RunAsync(db => CommitTransaction.Run(db, commit, Identity, _clock.GetUtcNow()), commit.Request.Deferrable);
        _alarms.OnCommit(commit.Request, answer);
        return answer.Reply;
    }

    public async Task<PointsTaken?> PutPointsAsync(PutPointsRequest request)
    {
        var taken = await Writer.RunAsync(db => PointsTransaction.Run(db, request, _settings.IntegerCompat, _clock.GetUtcNow()));
        if (taken?.FirstFault is { } fault)
        {
            _alarms.OnPointsRefused(request.Record.Node, fault);
        }

        return taken;
    }

    public Task<Fate> RefusePartAsync(RefusePartRequest request) => Writer.RunAsync(db =>
    {
        var series = WindowTable.FindOrAddSeries(db, request.Key.Series);
        var record = request.Part.Record;
        var instance = InstanceTable.FindOrAdd(db, record.Node, record.Instance.Span);
        switch (FateTable.StandingOf(db, instance, series, request.Part))
        {
            case PartStanding.New:
                FateTable.Add(db, instance, series, request.Key, request.Part, request.Fate);
                return request.Fate;
            case PartStanding.BelowFloor:
                return request.Fate;
            default:
                CounterTable.Add(db, Counter.Duplicates, 1);
                return FateTable.Find(db, instance.Id, record.Seq, series)!.Value.Fate;
        }
    });

    public Task<AdmitInstanceReply> AdmitInstanceAsync(AdmitInstanceRequest request) =>
        Writer.RunAsync(db => InstanceTable.Admit(db, request, Identity, _clock.GetUtcNow()));

    public Task<GatewayStatus> StatusAsync() => ReadAsync(db =>
    {
        var counts = CounterTable.OfLog(db);
        var status = new GatewayStatus
        {
            LogId = Identity.LogId,
            Committed = (ulong)counts[Counter.Committed],
            Late = (ulong)counts[Counter.Late],
            Future = (ulong)counts[Counter.Future],
            Undecodable = (ulong)counts[Counter.Undecodable],
            Backfilled = (ulong)counts[Counter.Backfilled],
            Duplicates = (ulong)counts[Counter.Duplicates],
            PointsProduced = (ulong)counts[Counter.PointsProduced],
            PointsQueued = (ulong)counts[Counter.PointsQueued],
            PointsDelivered = (ulong)counts[Counter.PointsDelivered],
            PointsSuperseded = (ulong)counts[Counter.PointsSuperseded],
            PointsDeadLettered = (ulong)counts[Counter.PointsDeadLettered],
            Commits = (ulong)counts[Counter.Commits],
            LostSwaps = (ulong)counts[Counter.LostSwaps],
            CommitsLost = (ulong)counts[Counter.CommitsLost],
            PointsRefused = (ulong)counts[Counter.PointsRefused],
            StoreError = _health.Error,
            StoreBytes = (ulong)_backend.BytesOf(db),
        };
        status.Nodes.Add(CounterTable.OfNodes(db));
        return status;
    });

    public Task PutOwnPointAsync(string host, long windowStart) =>
        Writer.RunAsync(db => PointsTransaction.PutOwn(db, host, windowStart, Identity.Generation, _clock.GetUtcNow()));

    public async Task<RollUpTurn> RollUpAsync() => await ReadAsync(db => RollUpMarks.AnyDue(db, _clock.GetUtcNow()))
        ? await Writer.RunAsync(db => WithReserve(db, d => RollUpTransaction.Run(d, Identity, _clock.GetUtcNow(), RollUpsInOneTurn)))
        : default;

    public Task<bool> MaintainAsync() => Writer.RunAsync(db => WithReserve(db, Maintain));

    private bool Maintain(Database db)
    {
        var now = _clock.GetUtcNow();
        RollUpMarks.HastenPutOff(db, now);
        WindowTable.AdvanceHorizon(db, now, _settings.WindowRetention);
        var horizon = WindowTable.HorizonOf(db);
        var rollUpsBefore = Math.Min(horizon, (now - RollUpsKept).ToUnixTimeSeconds());
        ReadOnlySpan<int> removed =
        [
            WindowTable.Prune(db, horizon, rollUpsBefore, MostPrunedAtOnce),
            RevisionTable.Prune(db, horizon, rollUpsBefore, MostPrunedAtOnce),
            RollUpTable.Prune(db, rollUpsBefore, MostPrunedAtOnce),
            HeadTable.Prune(db, horizon, MostPrunedAtOnce),
            FateTable.Prune(db, now - FatesKept, MostPrunedAtOnce),
        ];
        db.Execute("DELETE FROM dead_letters WHERE at_ms < $1", (now - DeadLettersKept).ToUnixTimeMilliseconds());
        return removed.Contains(MostPrunedAtOnce);
    }

    public Task<bool> HasDueAsync(IReadOnlyCollection<long> except) => ReadAsync(db => AttemptTable.HasDue(db, except));

    public async Task<DeliveryBatch?> BeginAttemptAsync(
        BatchLimits limits, DateTimeOffset expiresAt, IReadOnlyCollection<long>? only, IReadOnlyCollection<long> except)
    {
        var batch = await Writer.RunAsync(db => AttemptTable.Begin(db, limits, expiresAt, only, except));
        if (batch is not null)
        {
            _underWay[batch.Attempt] = batch.Lines;
        }

        return batch;
    }

    public async Task EndAttemptAsync(long attempt, AttemptEnd end, IReadOnlyList<Refusal> refused)
    {
        var sent = _underWay.GetValueOrDefault(attempt) ?? [];
        try
        {
            await Writer.RunAsync(db =>
            {
                AttemptTable.End(db, attempt, sent, end, refused, _clock.GetUtcNow());
                return true;
            });
        }
        catch
        {
            _notEnded[attempt] = sent;
            throw;
        }
        finally
        {
            _underWay.TryRemove(attempt, out _);
        }
    }

    public async Task<int> ReleaseExpiredAsync(DateTimeOffset expiredBefore)
    {
        var notEnded = _notEnded.ToArray();
        var released = await Writer.RunAsync(db =>
        {
            // One that still stands is released in its time.
            foreach (var (_, sent) in notEnded.Where(a => !AttemptTable.Exists(db, a.Key)))
            {
                AttemptTable.WriteBack(db, sent, _clock.GetUtcNow());
            }

            return AttemptTable.ReleaseExpired(db, expiredBefore, _clock.GetUtcNow());
        });
        foreach (var (attempt, _) in notEnded)
        {
            _notEnded.TryRemove(attempt, out _);
        }

        return released;
    }

    public async Task<int> ReplayAsync(long from, long to)
    {
        var points = 0;
        while (await Writer.RunAsync(db => HeadTable.Replay(db, from, to)) is { } portion)
        {
            points += portion.Points;
            from = portion.Next;
        }

        return points;
    }

    // The horizon waits for roll-ups, and room comes from below the horizon: a log that is full of commits must still take them.
    // What removes rows may need a page before it frees one.
    private T WithReserve<T>(Database database, Func<Database, T> work)
    {
        _backend.LimitSize(database, _settings.StoreMaxBytes + _settings.StoreMaxBytes / 16 + ReserveBytes);
        try
        {
            return work(database);
        }
        finally
        {
            _backend.LimitSize(database, _settings.StoreMaxBytes);
        }
    }

    /// <summary>Finishes what waits and closes the log.</summary>
    public void Dispose()
    {
        Writer.Dispose();
        _reader.Dispose();
        _backend.Dispose();
    }
}
