using FleetVibe.Gateway;
using FleetVibe.Gateway.Outbox;
using FleetVibe.Gateway.Service;
using FleetVibe.Gateway.Store;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace FleetVibe.Model.Tests;

/// <summary>The gateway's real commit log and outbox, called one at a time. Mutants of the gateway are planted here, around it.</summary>
internal sealed class StoreUnderTest : IDisposable
{
    /// <summary>Short, so that schedules meet the horizon.</summary>
    internal static readonly TimeSpan Retention = TimeSpan.FromMinutes(2);

    private readonly World _world;
    private readonly DatabaseCommitLog _log;
    private int _commits;

    internal StoreUnderTest(World world, string folder)
    {
        _world = world;
        _log = DatabaseCommitLog.Open(
            new GatewaySettings
            {
                Listen = new ListenSettings { Address = ListenAddress.Ephemeral },
                DataDirectory = folder,
                Telegraf = new TelegrafSettings { Url = new Uri("http://127.0.0.1:1") },
                WindowRetention = Retention,
            },
            world.Clock,
            NullLogger.Instance);
    }

    /// <summary>Gives up early, so that what hangs is often met by what is sent after it.</summary>
    internal static TelegrafSettings Telegraf { get; } = new() { Url = new Uri("http://127.0.0.1:1"), Timeout = TimeSpan.FromSeconds(2) };

    /// <summary>Whether something was written since this was last asked.</summary>
    internal bool Changed { get; set; } = true;

    /// <summary>Dead letters that stand beside the fates; only a mutant has any.</summary>
    internal List<PartId> DeadBeside { get; } = [];

    internal T Read<T>(Func<Database, T> read) => _log.ReadAsync(read).GetAwaiter().GetResult();

    internal WindowState Load(WindowKey key) => Ended(_log.LoadWindowAsync(key));

    internal LoadOpenWindowsReply LoadOpen(SeriesKey series) => Ended(_log.LoadOpenWindowsAsync(series));

    internal AdmitInstanceReply Admit(AdmitInstanceRequest request) => Written(_log.AdmitInstanceAsync(request));

    internal CommitReply Commit(CommitRequest request)
    {
        // Who waits for company would wait for ever: calls come one at a time.
        request.Deferrable = false;
        if (_world.Mutant == Mutant.AckEarly && !_world.IsCalm && ++_commits % 17 == 5)
        {
            return new CommitReply { Outcome = CommitReply.Types.Outcome.Committed, Revision = request.BaseRevision + 1 };
        }

        var reply = Written(_log.CommitAsync(MessageRules.RequireCommit(request)));
        _world.Note($"  {reply.Outcome} at {reply.Revision} {reply.Reason}");
        switch (reply.Outcome)
        {
            case CommitReply.Types.Outcome.Committed:
                _world.Count("commits");
                _world.Count(request.BaseRevision > 0 ? "later revisions" : "first revisions");
                if (reply.Revision != request.BaseRevision + 1)
                {
                    throw new Violation("I1", $"{WindowId.Of(request.Key)} went from {request.BaseRevision} to {reply.Revision}");
                }

                break;
            case CommitReply.Types.Outcome.Lost:
                _world.Count("lost swaps");
                return _world.Mutant == Mutant.NoSet ? KeepSums(request) ?? reply : reply;
            case CommitReply.Types.Outcome.Late:
                _world.Count("late commits");
                break;
            default:
                throw new Violation("log", $"{reply.Outcome}: {reply.Reason}");
        }

        return reply;
    }

    internal PutPointsReply? PutPoints(PutPointsRequest request)
    {
        var taken = Written(_log.PutPointsAsync(request));
        _world.Count("points rejected", taken?.Rejected ?? 0);
        return taken is null ? null : new PutPointsReply { Rejected = (uint)taken.Value.Rejected };
    }

    internal RefusePartReply Refuse(RefusePartRequest request)
    {
        MessageRules.RequireRefusal(request);
        if (_world.Mutant == Mutant.DlKey)
        {
            var part = new PartId(RecordKey.FromWire(request.Part.Record), request.Key.Series.Model);
            if (!DeadBeside.Contains(part))
            {
                DeadBeside.Add(part);
            }

            return new RefusePartReply { Fate = request.Fate };
        }

        var reply = new RefusePartReply { Fate = Written(_log.RefusePartAsync(request)) };
        _world.Note($"  stands as {reply.Fate}");
        _world.Count($"refused {reply.Fate}".ToLowerInvariant());
        return reply;
    }

    /// <summary>One turn. True where it made something.</summary>
    internal bool RollUp()
    {
        var before = _world.Mutant == Mutant.RollAdd ? RollUps() : [];
        var turn = Written(_log.RollUpAsync());
        if (turn.Fault is not null)
        {
            throw new Violation("roll-up", turn.Fault);
        }

        _world.Count("roll-ups made", turn.Made);
        foreach (var (row, totals) in before.Count > 0 ? RollUps() : [])
        {
            if (before.TryGetValue(row, out var old) && !old.Equals(totals))
            {
                var sum = TotalsMapper.FromWire(old);
                sum.Merge(TotalsMapper.FromWire(totals));
                Write(db => db.Execute("UPDATE roll_ups SET totals = $2 WHERE rowid = $1", row, TotalsMapper.ToWire(sum).ToByteArray()));
            }
        }

        return turn.Made > 0;
    }

    /// <summary>The gateway's own point: of all points the one that is raised most.</summary>
    internal void PutOwnPoint() => Ended(_log.PutOwnPointAsync("gateway", WindowClock.StartOf(_world.Now, 60)));

    internal void Maintain()
    {
        while (Written(_log.MaintainAsync()))
        {
        }

        if (_world.Mutant == Mutant.FatePrune)
        {
            Write(db => db.Execute("DELETE FROM fates WHERE start < $1", (_world.Now - Retention).ToUnixTimeSeconds()));
        }
    }

    internal DeliveryBatch? Begin(int lines)
    {
        var batch = Written(((IOutbox)_log).BeginAttemptAsync(
            new BatchLimits(lines, Telegraf.BatchBytes), _world.Now + Telegraf.Timeout + TimeSpan.FromSeconds(2), null, []));
        return batch;
    }

    internal void End(long attempt, AttemptEnd end)
    {
        if (_world.Mutant == Mutant.MarkHead && end == AttemptEnd.Delivered)
        {
            Write(db => db.Execute("UPDATE heads SET attempt_hi = revision_hi, attempt_lo = revision_lo WHERE attempt = $1", attempt));
        }

        var kept = _world.Mutant == Mutant.NoQuiet && end == AttemptEnd.Unknown ? AttemptEnd.Released : end;
        Ended(_log.EndAttemptAsync(attempt, kept, []));
    }

    internal void ReleaseExpired()
    {
        var quiet = _world.Mutant == Mutant.NoQuiet ? TimeSpan.Zero : Telegraf.QuietTime;
        if (Ended(_log.ReleaseExpiredAsync(_world.Now - quiet)) > 0)
        {
            Changed = true;
        }
    }

    internal void Replay(long from, long to)
    {
        if (Written(_log.ReplayAsync(from, to)) > 0)
        {
            _world.Count("replays");
        }
    }

    public void Dispose() => _log.Dispose();

    // What the loser of a swap must not do: load the winner's revision, and put what it had on top.
    private CommitReply? KeepSums(CommitRequest request)
    {
        var current = Load(request.Key);
        var known = current.Contributors.Select(part => part.Record).Concat(current.Refused.Select(part => part.Record)).ToHashSet();
        var added = request.Added.Where(part => !known.Contains(part.Record)).ToList();
        if (added.Count == 0 || current.Revision == request.BaseRevision)
        {
            return null;
        }

        var sum = TotalsMapper.FromWire(current.Totals);
        sum.Merge(TotalsMapper.FromWire(request.Totals));
        var kept = request.Clone();
        kept.BaseRevision = current.Revision;
        kept.Backfilled = Math.Max(current.Backfilled, request.Backfilled);
        kept.Totals = TotalsMapper.ToWire(sum);
        kept.Added.Clear();
        kept.Added.Add(added);
        added[0].Requests = (ulong)sum.Requests - current.Totals.Requests - (ulong)added.Skip(1).Sum(part => (long)part.Requests);
        var reply = Written(_log.CommitAsync(new SoundCommit(kept, sum)));
        return reply.Outcome == CommitReply.Types.Outcome.Committed ? reply : null;
    }

    private Dictionary<long, WindowTotals> RollUps() => Read(db =>
    {
        var found = new Dictionary<long, WindowTotals>();
        using var rows = db.Query("SELECT rowid, totals FROM roll_ups");
        while (rows.Read())
        {
            found.Add(rows.GetInt64(0), WindowTotals.Parser.ParseFrom(rows.GetFieldValue<byte[]>(1)));
        }

        return found;
    });

    private void Write(Action<Database> write) => Written(_log.Writer.RunAsync(db =>
    {
        write(db);
        return true;
    }));

    private T Written<T>(Task<T> call)
    {
        Changed = true;
        return Ended(call);
    }

    private static T Ended<T>(Task<T> call) => call.GetAwaiter().GetResult();

    private void Ended(Task call)
    {
        Changed = true;
        call.GetAwaiter().GetResult();
    }
}
