using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;
using Google.Protobuf;

namespace FleetVibe.Aggregator.Tests.Doubles;

/// <summary>
/// The commit log in memory, with the checks of rules 7 and 8, and with the invariants of its own content checked at
/// every commit where the truth is known. Not thread safe.
/// </summary>
internal sealed class ModelGateway
{
    private readonly Dictionary<(SeriesKey Series, WindowLevel Level, long Start), WindowState> _windows = [];
    private readonly Dictionary<(RecordKey Record, SeriesKey Series), (Contributor Part, Fate Fate, WindowLevel Level, long Start)> _fates = [];

    /// <summary>Part of the mutant nocas: the revision is not checked.</summary>
    public bool SkipsRevision { get; init; }

    /// <summary>Part of the mutants nocas and noset: the sum is not checked.</summary>
    public bool SkipsSum { get; init; }

    /// <summary>Part of the mutants nocas and noset: a record may be committed twice.</summary>
    public bool SkipsFates { get; init; }

    public long Horizon { get; set; }

    public string LogId { get; set; } = "log";

    /// <summary>What each record holds, for the check of every window's bytes.</summary>
    public Func<RecordKey, SeriesTotals>? Truth { get; init; }

    public int LostSwaps { get; private set; }

    public int Commits { get; private set; }

    public IReadOnlyDictionary<(SeriesKey Series, WindowLevel Level, long Start), WindowState> Windows => _windows;

    public Fate? FateOf(RecordKey record, SeriesKey series) => _fates.TryGetValue((record, series), out var fate) ? fate.Fate : null;

    public int Fates => _fates.Count;

    public WindowState Load(WindowKey key)
    {
        var state = _windows.TryGetValue((key.Series, key.Level, key.Start), out var found) ? found.Clone() : new WindowState { Key = key, Totals = new WindowTotals() };
        state.Contributors.Clear();
        foreach (var (part, fate, _, _) in _fates.Where(entry => entry.Key.Series.Equals(key.Series) && entry.Value.Level == key.Level && entry.Value.Start == key.Start).Select(entry => entry.Value))
        {
            if (fate == Fate.Committed)
            {
                state.Contributors.Add(part);
            }
            else
            {
                state.Refused.Add(new SettledPart { Record = part.Record, Fate = fate, ContentHash = part.ContentHash, Requests = part.Requests });
            }
        }

        state.Hosts.Add(state.Contributors.Select(part => part.Record.Node).Distinct());
        state.Horizon = Horizon;
        state.LogId = LogId;
        return state;
    }

    public LoadOpenWindowsReply LoadOpen(SeriesKey series)
    {
        var windows = _windows.Where(entry => entry.Key.Series.Equals(series)).OrderBy(entry => entry.Key.Start).ToList();
        var reply = new LoadOpenWindowsReply { LogId = LogId, Horizon = Horizon };
        reply.Windows.AddRange(windows.Where(entry => !entry.Value.Final).Select(entry => Load(entry.Value.Key)));
        if (windows.FindLast(entry => entry.Key.Level == WindowLevel._10S) is { Value: { } newest })
        {
            reply.ExpectedHosts.AddRange(newest.ExpectedHosts);
        }

        return reply;
    }

    public CommitReply Commit(CommitRequest request)
    {
        var key = request.Key;
        if (request.LogId != LogId)
        {
            return new CommitReply { Outcome = CommitReply.Types.Outcome.OtherLog };
        }

        if (key.Start + WindowLevels.SecondsOf(key.Level) <= Horizon)
        {
            foreach (var part in request.Added)
            {
                _fates.TryAdd((RecordKey.FromWire(part.Record), key.Series), (part, Fate.Late, key.Level, key.Start));
            }

            return new CommitReply { Outcome = CommitReply.Types.Outcome.Late };
        }

        var old = _windows.GetValueOrDefault((key.Series, key.Level, key.Start));
        if (!SkipsRevision && request.BaseRevision != (old?.Revision ?? 0))
        {
            return Lost();
        }

        var added = request.Added.Aggregate(0UL, (sum, part) => sum + part.Requests);
        if (!SkipsSum && request.Totals.Requests != (old?.Totals.Requests ?? 0) + added)
        {
            return Lost();
        }

        if (!SkipsFates && request.Added.Any(part => _fates.ContainsKey((RecordKey.FromWire(part.Record), key.Series))))
        {
            return Lost();
        }

        foreach (var part in request.Added)
        {
            _fates[(RecordKey.FromWire(part.Record), key.Series)] = (part, Fate.Committed, key.Level, key.Start);
        }

        Commits++;
        _windows[(key.Series, key.Level, key.Start)] = new WindowState
        {
            Key = key,
            Revision = (old?.Revision ?? 0) + 1,
            Totals = request.Totals.Clone(),
            ExpectedHosts = { request.ExpectedHosts },
            Final = request.Final,
            Backfilled = request.Backfilled,
        };
        CheckContent(key, old);
        return new CommitReply { Outcome = CommitReply.Types.Outcome.Committed, Revision = (old?.Revision ?? 0) + 1 };
    }

    public RefusePartReply Refuse(RefusePartRequest request)
    {
        var key = (RecordKey.FromWire(request.Part.Record), request.Key.Series);
        _fates.TryAdd(key, (request.Part, request.Fate, request.Key.Level, request.Key.Start));
        return new RefusePartReply { Fate = _fates[key].Fate };
    }

    /// <summary>Merges what was committed of a window from the truth, in another order than it came.</summary>
    public byte[] Remerge(WindowKey key, Func<RecordKey, SeriesTotals> truth)
    {
        var totals = new SeriesTotals();
        foreach (var part in Load(key).Contributors.Select(part => RecordKey.FromWire(part.Record))
            .OrderBy(record => ((record.Seq * 2654435761) + (ulong)record.Node.Length) % 1009))
        {
            totals.Merge(truth(part));
        }

        return TotalsMapper.ToWire(totals).ToByteArray();
    }

    // I1, I5, I13.
    private void CheckContent(WindowKey key, WindowState? old)
    {
        if (Truth is null)
        {
            return;
        }

        var now = _windows[(key.Series, key.Level, key.Start)];
        if (!Remerge(key, Truth).AsSpan().SequenceEqual(now.Totals.ToByteArray()))
        {
            throw new InvalidOperationException($"window {key.Start} revision {now.Revision} does not hold what its fates say");
        }

        if (old is not null && (old.Totals.Requests > now.Totals.Requests || (old.Final && !now.Final) || old.ExpectedHosts.Except(now.ExpectedHosts).Any()))
        {
            throw new InvalidOperationException($"window {key.Start} got worse with revision {now.Revision}");
        }
    }

    private CommitReply Lost()
    {
        LostSwaps++;
        return new CommitReply { Outcome = CommitReply.Types.Outcome.Lost };
    }
}
