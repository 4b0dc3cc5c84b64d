namespace FleetVibe.Gateway.Store;

/// <summary>
/// A log that went back in time (a restored snapshot, a truncated write-ahead log, a standby that lagged) is found by those who
/// know better: an agent whose acknowledged records are above all that the log has of it, and an owner whose revision is.
/// From then on it is as a new log in the place of a damaged one: what was committed before stays as Telegraf has it, and what
/// comes for it later is late.
/// </summary>
internal static class LostCommits
{
    /// <summary>How many sequences of an instance are gone. Zero at first sight: that is another log, not an older one.</summary>
    internal static long Of(InstanceRow? known, ulong highestAcked) =>
        known is not null && (long)highestAcked > known.HighestSeq ? (long)highestAcked - known.HighestSeq : 0;

    /// <summary>Counts what is gone, with an event for the users, and seals what is past.</summary>
    internal static void Report(Database database, string host, string text, long lost, long generation, DateTimeOffset now)
    {
        CounterTable.Add(database, Counter.CommitsLost, lost);
        HeadTable.Raise(
            database, EventPoint.Render(host, EventPoint.CommitsLost, text, now), new PointRevision(generation, now.ToUnixTimeMilliseconds()), now);
        WindowTable.Seal(database, now);
    }
}
