using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.Transport;
using FleetVibe.Tests.Postgres;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace FleetVibe.Gateway.Tests.Store;

/// <summary>A commit log in a folder of its own, on virtual time, with short ways to say what is committed.</summary>
internal sealed class TestLog : IDisposable
{
    internal const long Start = 1_700_000_010;

    private readonly string _root = Path.Combine(Path.GetTempPath(), "fleetvibe-gateway-" + Guid.NewGuid().ToString("N"));
    private DatabaseCommitLog? _log;

    /// <param name="cluster">Null: the log is a file.</param>
    internal TestLog(Func<GatewaySettings, GatewaySettings>? configure = null, long now = Start + 14, PostgresCluster? cluster = null, string? schema = null)
    {
        Clock = new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(now));
        var settings = new GatewaySettings
        {
            Listen = new ListenSettings { Address = ListenAddress.Ephemeral },
            DataDirectory = _root,
            Telegraf = new TelegrafSettings { Url = new Uri("http://127.0.0.1:1") },
        };
        if (cluster is not null)
        {
            Directory.CreateDirectory(_root);
            var file = Path.Combine(_root, "connection");
            File.WriteAllText(file, cluster.ConnectionString(schema ?? cluster.NewSchema()) + "\n");
            settings = settings with { Postgres = new PostgresSettings(file) };
        }

        Settings = configure?.Invoke(settings) ?? settings;
    }

    internal FakeTimeProvider Clock { get; }

    internal GatewaySettings Settings { get; }

    internal string Folder => _root;

    internal ILogger Logger { get; init; } = NullLogger.Instance;

    internal DatabaseCommitLog Log => _log ??= DatabaseCommitLog.Open(Settings, Clock, Logger);

    /// <summary>Makes roll-ups until none is due.</summary>
    internal async Task RollUpAsync()
    {
        while ((await Log.RollUpAsync()).Made > 0)
        {
        }
    }

    internal DatabaseCommitLog Reopen()
    {
        Close();
        return Log;
    }

    internal void Close()
    {
        _log?.Dispose();
        _log = null;
    }

    /// <summary>Another gateway on the same PostgreSQL.</summary>
    internal DatabaseCommitLog OpenAnother() => DatabaseCommitLog.Open(Settings, Clock, NullLogger.Instance);

    public void Dispose()
    {
        _log?.Dispose();
        if (Directory.Exists(_root))
        {
            Directory.Delete(_root, recursive: true);
        }
    }

    internal static SeriesKey Series { get; } = new() { Model = "vibethinker-1.5b", Task = "algorithm_reasoning" };

    internal static WindowKey Window(long start = Start, SeriesKey? series = null) =>
        new() { Series = series ?? Series, Level = WindowLevel._10S, Start = start };

    internal static ByteString Instance(byte number = 1) => ByteString.CopyFrom([.. Enumerable.Repeat(number, 16)]);

    internal static RecordId Record(ulong seq, string node = "gpu-1", byte instance = 1) =>
        new() { Node = node, Instance = Instance(instance), Seq = seq };

    internal static Contributor Part(ulong seq, ulong requests, string node = "gpu-1", byte instance = 1, ulong hash = 7) =>
        new() { Record = Record(seq, node, instance), Requests = requests, ContentHash = hash };

    internal static WindowTotals Totals(ulong requests, ulong errors = 0)
    {
        var totals = new SeriesTotals { Requests = (long)requests, Errors = (long)errors };
        for (ulong i = 0; i < requests; i++)
        {
            totals.ResponseTime.Record(0.25);
        }

        return TotalsMapper.ToWire(totals);
    }

    internal CommitRequest Request(ulong baseRevision, WindowTotals totals, params Contributor[] added)
    {
        var request = new CommitRequest { Key = Window(), BaseRevision = baseRevision, Totals = totals, LogId = Log.Identity.LogId };
        request.Added.Add(added);
        request.ExpectedHosts.Add(added.Select(p => p.Record.Node).Distinct());
        return request;
    }

    internal Task<CommitReply> CommitAsync(CommitRequest request) =>
        Log.CommitAsync(new SoundCommit(request, TotalsMapper.FromWire(request.Totals)));

    internal Task<CommitReply> CommitAsync(ulong baseRevision, WindowTotals totals, params Contributor[] added) =>
        CommitAsync(Request(baseRevision, totals, added));

    internal Task<AdmitInstanceReply> AdmitAsync(string node = "gpu-1", byte instance = 1, ulong nextSeq = 1_000_000, bool renew = true) =>
        Log.AdmitInstanceAsync(new AdmitInstanceRequest { Node = node, Instance = Instance(instance), NextSeq = nextSeq, Renew = renew });

    internal static Point NodePoint(double value = 12.5, string node = "gpu-1", long start = Start)
    {
        var point = new Point { Measurement = "vibe_model", TimestampNs = start * 1_000_000_000 };
        point.Tags.Add(new Tag { Key = "host", Value = node });
        point.Tags.Add(new Tag { Key = "model", Value = "m" });
        point.Fields.Add(new Field { Key = "response_time_ms", Float = value });
        point.Fields.Add(new Field { Key = "requests", Integer = 3 });
        return point;
    }

    internal Task<PointsTaken?> PutAsync(ulong seq, Point point, string node = "gpu-1", byte instance = 1, ulong floor = 0)
    {
        var request = new PutPointsRequest { Record = Record(seq, node, instance), Floor = floor };
        request.Points.Add(point);
        return Log.PutPointsAsync(request);
    }

    /// <summary>The points ledger as counted, and as the rows say.</summary>
    internal async Task<(long Produced, long Queued, long Delivered, long Superseded, long DeadLettered, long QueuedRows)> LedgerAsync()
    {
        var status = await Log.StatusAsync();
        var rows = await Log.ReadAsync(db => db.Number(
            """
            SELECT count(*) FILTER (WHERE state = 0)
              + count(*) FILTER (WHERE attempt IS NOT NULL AND attempt_replays = 0 AND (attempt_hi, attempt_lo) < (revision_hi, revision_lo))
            FROM heads
            """));
        return (
            (long)status.PointsProduced, (long)status.PointsQueued, (long)status.PointsDelivered, (long)status.PointsSuperseded,
            (long)status.PointsDeadLettered, rows!.Value);
    }

    /// <summary>Fails where produced is not queued + delivered + superseded + dead_lettered, or queued not what the rows hold.</summary>
    internal async Task CheckLedgerAsync()
    {
        var (produced, queued, delivered, superseded, dead, rows) = await LedgerAsync();
        Assert.Equal(produced, queued + delivered + superseded + dead);
        Assert.Equal(rows, queued);
    }

    internal Task<DeliveryBatch?> BeginAsync(int lines = 100, IReadOnlyCollection<long>? only = null) =>
        Log.BeginAttemptAsync(new BatchLimits(lines, 1 << 20), Clock.GetUtcNow().AddSeconds(12), only, []);
}
