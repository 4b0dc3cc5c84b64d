using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Gateway.Store;

/// <summary>How an offered part stands in the log before the commit.</summary>
internal enum PartStanding
{
    New,

    /// <summary>It has a fate, with the same content.</summary>
    Settled,

    /// <summary>Its id has a fate with other content: two records took one id.</summary>
    OtherContent,

    /// <summary>Below the floor of its instance: done long ago.</summary>
    BelowFloor,

    /// <summary>Named twice in this commit.</summary>
    Repeated,
}

/// <summary>What is committed of a window. Empty, at revision 0, before the first commit.</summary>
internal sealed record CommittedWindow(
    long Revision, bool Final, ulong Backfilled, WindowTotals Totals, IReadOnlyList<string> Hosts, IReadOnlyList<string> ExpectedHosts, FleetFields Fields)
{
    internal static CommittedWindow None { get; } = new(0, false, 0, new WindowTotals(), [], [], FleetFields.None);

    /// <param name="totals"><see cref="Totals"/>, decoded.</param>
    internal FleetWindow AsPoint(SeriesId series, int seconds, long start, SeriesTotals totals) => new(
        series, seconds, start, totals,
        Hosts.Count, ExpectedHosts.Count, Hosts.Intersect(ExpectedHosts, StringComparer.Ordinal).Count(),
        (long)Backfilled, Revision, Final, Fields);
}

/// <summary>What a lost commit shows beside the loss, which a person has to look into.</summary>
internal enum CommitAlarm
{
    None,

    /// <summary>Two records took one id: a spool was cloned or went back in time.</summary>
    IdTakenTwice,

    /// <summary>An owner knows a revision that the log has no more.</summary>
    WentBack,
}

/// <summary>The answer to a commit, before anything is written.</summary>
/// <param name="Reason">For people; nothing is decided by it.</param>
internal sealed record CommitVerdict(CommitReply.Types.Outcome Outcome, string Reason, CommitAlarm Alarm = CommitAlarm.None)
{
    internal static CommitVerdict Committed { get; } = new(CommitReply.Types.Outcome.Committed, "");

    internal static CommitVerdict Lost(string reason, CommitAlarm alarm = CommitAlarm.None) => new(CommitReply.Types.Outcome.Lost, reason, alarm);
}

/// <summary>
/// The checks of a commit, all or nothing: the log is the pinned one, the window is not below the horizon, the base is the current
/// revision, every added part is new, and the counts of the window are the old ones plus those of the added parts.
/// </summary>
internal static class CommitRules
{
    internal static CommitVerdict Judge(
        CommitRequest request, string logId, long horizon, CommittedWindow current, IEnumerable<PartStanding> added)
    {
        if (request.LogId != logId)
        {
            return new CommitVerdict(CommitReply.Types.Outcome.OtherLog, $"this is log {logId}, the commit is for log {request.LogId}");
        }

        if (request.Key.Start < horizon)
        {
            return new CommitVerdict(CommitReply.Types.Outcome.Late, $"the window lies below the horizon {horizon}");
        }

        if (request.BaseRevision > (ulong)current.Revision)
        {
            return CommitVerdict.Lost(
                $"a committed revision is gone: {current.Revision} stands in the window at {request.Key.Start}, its owner committed {request.BaseRevision}",
                CommitAlarm.WentBack);
        }

        if (request.BaseRevision != (ulong)current.Revision)
        {
            return CommitVerdict.Lost($"revision {current.Revision} is committed, not {request.BaseRevision}");
        }

        foreach (var standing in added)
        {
            if (standing != PartStanding.New)
            {
                return standing switch
                {
                    PartStanding.Settled => CommitVerdict.Lost("an added part has its fate already"),
                    PartStanding.OtherContent => CommitVerdict.Lost("an added part has the id of another record", CommitAlarm.IdTakenTwice),
                    PartStanding.BelowFloor => CommitVerdict.Lost("an added part lies below the floor of its instance"),
                    _ => CommitVerdict.Lost("a part is added twice"),
                };
            }
        }

        return CheckCounts(request, current) is { } fault ? CommitVerdict.Lost(fault) : CommitVerdict.Committed;
    }

    private static string? CheckCounts(CommitRequest request, CommittedWindow current)
    {
        var (old, now) = (current.Totals, request.Totals ?? new WindowTotals());
        UInt128 expected = old.Requests;
        foreach (var part in request.Added)
        {
            expected += part.Requests;
        }

        if (now.Requests != expected)
        {
            return $"{now.Requests} requests are not the {old.Requests} committed ones and the added {expected - old.Requests}";
        }

        return Shrinks(old.Errors, now.Errors, "errors")
            ?? Shrinks(old.LengthLimited, now.LengthLimited, "length_limited")
            ?? Shrinks(old.InputTokens, now.InputTokens, "input_tokens")
            ?? Shrinks(old.OutputTokens, now.OutputTokens, "output_tokens")
            ?? Shrinks(old.WideRequests, now.WideRequests, "wide_requests")
            ?? Shrinks(CountOf(old.ResponseTime), CountOf(now.ResponseTime), "latencies")
            ?? Shrinks(CountOf(old.Ttft), CountOf(now.Ttft), "times to first token")
            ?? Shrinks(current.Backfilled, request.Backfilled, "backfilled");
    }

    private static string? Shrinks(ulong old, ulong now, string what) => now < old ? $"fewer {what} than committed: {now} after {old}" : null;

    private static ulong CountOf(Distribution? distribution) =>
        distribution is null ? 0 : distribution.ExactCount + distribution.BucketedCount;
}
