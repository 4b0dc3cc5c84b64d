using FleetVibe.Agent.Accumulating;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;

namespace FleetVibe.Agent.Spool;

/// <summary>What the plan needs to know of a record that was never offered.</summary>
/// <param name="Start">Of its window, unix seconds.</param>
/// <param name="Bytes">Of its content.</param>
internal readonly record struct WaitingRecord(long Seq, WindowLevel Level, long Start, int Bytes);

/// <summary>Records that become one, of the window that encloses them all.</summary>
internal sealed record CoalesceGroup(WindowLevel Level, long Start, IReadOnlyList<long> Sequences);

/// <summary>
/// Which records are coalesced to make room: along the chain of windows, the finest first and there the oldest, so that as
/// little resolution as possible is given up. Pure. What was offered is no part of its input.
/// </summary>
internal static class CoalescePlan
{
    /// <summary>The groups of one transaction; none where nothing is left that would give room.</summary>
    /// <param name="oldestFirst">Never-offered records by the start of their window; read as far as need be, once for each level.</param>
    /// <param name="wantedBytes">Room to make, roughly; at least one group is made where one can be.</param>
    /// <param name="now">Unix seconds: only windows that are past are coalesced into.</param>
    /// <param name="mostRecords">Stop at the first group that reaches so many.</param>
    internal static List<CoalesceGroup> Of(IEnumerable<WaitingRecord> oldestFirst, long wantedBytes, long now, int mostRecords)
    {
        for (WindowLevel? level = WindowLevel._1M; level is { } target; level = WindowLevels.ParentOf(target))
        {
            var groups = OfLevel(target, oldestFirst, wantedBytes, now, mostRecords);
            if (groups.Count > 0)
            {
                return groups;
            }
        }

        return [];
    }

    private static List<CoalesceGroup> OfLevel(WindowLevel target, IEnumerable<WaitingRecord> oldestFirst, long wantedBytes, long now, int mostRecords)
    {
        var groups = new List<CoalesceGroup>();
        var members = new List<WaitingRecord>();
        long start = 0;
        long freed = 0;
        var records = 0;
        foreach (var record in oldestFirst.Where(record => record.Level <= target))
        {
            var enclosing = WindowLevels.StartOf(target, record.Start);
            if (members.Count > 0 && enclosing != start)
            {
                Close();
                if (freed >= wantedBytes && groups.Count > 0)
                {
                    return groups;
                }
            }

            // Many in one window are merged a part at a time.
            if (records + members.Count >= mostRecords || enclosing + WindowLevels.SecondsOf(target) > now)
            {
                break;
            }

            start = enclosing;
            members.Add(record);
        }

        Close();
        return groups;

        void Close()
        {
            if (GivesRoom(members, target))
            {
                groups.Add(new CoalesceGroup(target, start, [.. members.Select(record => record.Seq)]));
                freed += members.Sum(record => (long)record.Bytes) * (members.Count - 1) / members.Count;
                records += members.Count;
            }

            members.Clear();
        }
    }

    // Full records of one window stay as they are: merged, they would be split again.
    private static bool GivesRoom(List<WaitingRecord> members, WindowLevel target) =>
        members.Count > 1
        && (members.Exists(record => record.Level < target) || members.Sum(record => (long)record.Bytes) <= RecordContents.MaxRecordBytes);
}
