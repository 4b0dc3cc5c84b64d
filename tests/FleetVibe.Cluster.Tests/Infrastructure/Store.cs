using System.Collections.Concurrent;
using FleetVibe.Gateway;
using FleetVibe.Gateway.Service;
using FleetVibe.Gateway.Store;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Microsoft.Extensions.Logging.Abstractions;

namespace FleetVibe.Cluster.Tests.Infrastructure;

/// <summary>The real commit log in a folder of its own, and everything that must hold of it.</summary>
internal sealed class Store : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "fleetvibe-cluster-" + Guid.NewGuid().ToString("N"));
    private readonly ConcurrentDictionary<(SeriesKey Series, long Start), SortedDictionary<ulong, HashSet<RecordKey>>> _revisions = [];

    public Store(TimeProvider clock)
    {
        Log = DatabaseCommitLog.Open(
            new GatewaySettings
            {
                Listen = new ListenSettings { Address = ListenAddress.Ephemeral },
                DataDirectory = _folder,
                Telegraf = new TelegrafSettings { Url = new Uri("http://127.0.0.1:1") },
            },
            clock,
            NullLogger.Instance);
    }

    public DatabaseCommitLog Log { get; }

    /// <summary>Rules that were broken on the way.</summary>
    public ConcurrentQueue<string> Violations { get; } = [];

    public async Task<CommitReply> Commit(CommitRequest request)
    {
        var reply = await Log.CommitAsync(MessageRules.RequireCommit(request));
        if (reply.Outcome == CommitReply.Types.Outcome.Committed)
        {
            Observe(await Log.LoadWindowAsync(request.Key));
        }

        return reply;
    }

    /// <summary>An acknowledgement arrived: every part must have its fate now.</summary>
    public async Task CheckAcknowledged(RecordKey record, int parts)
    {
        var fates = await Log.ReadAsync(db => db.Number(
            "SELECT count(*) FROM fates f JOIN instances i ON i.id = f.instance WHERE i.node = $1 AND i.instance = $2 AND f.seq = $3",
            record.Node, record.Instance.ToByteArray(bigEndian: true), (long)record.Seq));
        if (fates != parts)
        {
            Violations.Enqueue($"record {record} was acknowledged with {fates} of {parts} fates");
        }
    }

    public async Task<long> LostSwaps() => (long)(await Log.StatusAsync()).LostSwaps;

    public async Task<long> Committed() => (long)(await Log.StatusAsync()).Committed;

    /// <summary>Every contribution is in exactly the window it was for, and every window holds exactly these.</summary>
    public async Task CheckAgainst(IReadOnlyList<SentContribution> truth)
    {
        Assert.Empty(Violations);
        var windows = truth.GroupBy(sent => (sent.Key.Series, sent.Key.Start)).ToList();
        foreach (var window in windows)
        {
            var stored = await Log.LoadWindowAsync(window.First().Key);
            Assert.Empty(stored.Refused);
            Assert.Equal(
                window.Select(sent => sent.Record).Order(),
                stored.Contributors.Select(part => RecordKey.FromWire(part.Record)).Order());
            var merged = new SeriesTotals();
            foreach (var sent in window)
            {
                merged.Merge(TotalsMapper.FromWire(sent.Totals));
            }

            Assert.Equal(TotalsMapper.ToWire(merged), stored.Totals);
        }

        // Nothing beyond the truth.
        Assert.Equal(truth.Sum(sent => (long)sent.Totals.Requests), await Committed());
        Assert.Equal(truth.Count, await Log.ReadAsync(db => db.Number("SELECT count(*) FROM fates")));
        CheckRevisions();
    }

    public void Dispose()
    {
        Log.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Observe(WindowState state)
    {
        var seen = _revisions.GetOrAdd((state.Key.Series, state.Key.Start), _ => []);
        var contributors = state.Contributors.Select(part => RecordKey.FromWire(part.Record)).ToHashSet();
        lock (seen)
        {
            if (seen.TryGetValue(state.Revision, out var before) && !before.SetEquals(contributors))
            {
                Violations.Enqueue($"window {state.Key.Start} has two revisions {state.Revision}");
            }

            seen[state.Revision] = contributors;
        }
    }

    private void CheckRevisions()
    {
        foreach (var (window, seen) in _revisions)
        {
            var before = new HashSet<RecordKey>();
            foreach (var (revision, contributors) in seen)
            {
                Assert.True(before.IsSubsetOf(contributors), $"window {window} shrank with revision {revision}");
                before = contributors;
            }
        }
    }
}

/// <summary>A part of a record as its agent sent it.</summary>
internal sealed record SentContribution(RecordKey Record, WindowKey Key, WindowTotals Totals);
