using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using Google.Protobuf;

namespace FleetVibe.Gateway.Store;

/// <summary>A commit whose message was found sound, with its totals decoded.</summary>
internal sealed record SoundCommit(CommitRequest Request, SeriesTotals Totals);

/// <summary>What came of a commit.</summary>
/// <param name="Alarm">To be told now.</param>
internal readonly record struct CommitAnswer(CommitReply Reply, CommitAlarm Alarm);

/// <summary>One commit inside its savepoint: the checks, then window, fates, counters, the head of its point and the mark of its roll-up together.</summary>
internal static class CommitTransaction
{
    internal static CommitAnswer Run(Database database, SoundCommit commit, LogIdentity identity, DateTimeOffset now)
    {
        var request = commit.Request;
        if (request.LogId != identity.LogId)
        {
            return Reply(CommitRules.Judge(request, identity.LogId, 0, CommittedWindow.None, []), 0);
        }

        var series = WindowTable.FindOrAddSeries(database, request.Key.Series);
        var current = WindowTable.Find(database, series, request.Key.Level, request.Key.Start);
        var parts = request.Added.Select(p => (Part: p, Instance: InstanceTable.FindOrAdd(database, p.Record.Node, p.Record.Instance.Span))).ToList();
        var standings = StandingsOf(database, series, parts);
#if BREAK_NOCONTRIBUTORCHECK
        parts = [.. parts.Where((_, i) => standings[i] == PartStanding.New)];
        standings = [.. parts.Select(_ => PartStanding.New)];
#endif
        var verdict = CommitRules.Judge(request, identity.LogId, WindowTable.HorizonOf(database), current, standings);
        switch (verdict.Outcome)
        {
            case CommitReply.Types.Outcome.Committed:
                return Write(database, commit, identity, series, current, parts, now);
            case CommitReply.Types.Outcome.Late:
                for (var i = 0; i < parts.Count; i++)
                {
                    if (standings[i] == PartStanding.New)
                    {
                        FateTable.Add(database, parts[i].Instance, series, request.Key, parts[i].Part, Fate.Late);
                    }
                }

                return Reply(verdict, current.Revision);
            default:
                CounterTable.Add(database, Counter.LostSwaps, 1);
                CounterTable.Add(database, Counter.Duplicates, standings.Count(s => s is PartStanding.Settled or PartStanding.BelowFloor));
                if (verdict.Alarm == CommitAlarm.WentBack)
                {
                    LostCommits.Report(
                        database, EventPoint.FleetHost, "the commit log went back in time: " + verdict.Reason,
                        (long)request.BaseRevision - current.Revision, identity.Generation, now);
                }

                return Reply(verdict, current.Revision);
        }
    }

    private static List<PartStanding> StandingsOf(Database database, long series, List<(Contributor Part, InstanceRow Instance)> parts)
    {
        var seen = new HashSet<(long, ulong)>();
        return [.. parts.Select(p => seen.Add((p.Instance.Id, p.Part.Record.Seq))
            ? FateTable.StandingOf(database, p.Instance, series, p.Part)
            : PartStanding.Repeated)];
    }

    private static CommitAnswer Write(
        Database database, SoundCommit commit, LogIdentity identity, long series, CommittedWindow current,
        List<(Contributor Part, InstanceRow Instance)> parts, DateTimeOffset now)
    {
        var request = commit.Request;
        foreach (var (part, instance) in parts)
        {
            FateTable.Add(database, instance, series, request.Key, part, Fate.Committed);
        }

        var next = current with
        {
            Revision = current.Revision + 1,
            Final = current.Final || request.Final,
            Backfilled = request.Backfilled,
            Totals = request.Totals ?? new WindowTotals(),
            Hosts = [.. current.Hosts.Concat(parts.Select(p => p.Instance.Node)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            ExpectedHosts = [.. request.ExpectedHosts.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
        };

        // The points of larger windows are those of the roll-ups: what is committed directly at their level is only a part of them.
        if (request.Key.Level == WindowLevel._10S)
        {
            var window = next.AsPoint(TotalsMapper.FromWire(request.Key.Series), WindowClock.BaseSeconds, request.Key.Start, commit.Totals);
            var point = FleetPoint.Render(window, out var fields);
            next = next with { Fields = fields };
            HeadTable.Raise(database, point, new PointRevision(identity.Generation, next.Revision), now);
        }

        WindowTable.Write(database, series, request.Key, next, next.Totals.ToByteArray());
        RevisionTable.Add(
            database, series, request.Key, next, parts.Select(p => p.Instance.Node).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal), parts.Count, now);
        RollUpMarks.SetForWindow(database, series, request.Key, now);
        CounterTable.Add(database, Counter.Commits, 1);
        CounterTable.Add(database, Counter.Backfilled, (long)(next.Backfilled - current.Backfilled));
        return Reply(CommitVerdict.Committed, next.Revision);
    }

    private static CommitAnswer Reply(CommitVerdict verdict, long revision) =>
        new(new CommitReply { Outcome = verdict.Outcome, Revision = (ulong)revision, Reason = verdict.Reason }, verdict.Alarm);
}
