namespace FleetVibe.Agent;

/// <summary>
/// When a source is collected: once an interval, one second before its end plus a delay in [0, 0.8 s) that depends on
/// node and target, so that a fleet does not ask all at once and every scrape falls into the window that it describes.
/// </summary>
internal static class CollectSchedule
{
    private static readonly TimeSpan Lead = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Spread = TimeSpan.FromSeconds(0.8);

    internal static TimeSpan DelayOf(string node, string target) => new((long)(StableHash.Of(node, target) % (ulong)Spread.Ticks));

    /// <summary>The next moment after <paramref name="now"/>.</summary>
    /// <param name="interval">At least a second.</param>
    internal static DateTimeOffset Next(DateTimeOffset now, TimeSpan interval, TimeSpan delay)
    {
        var ticks = (now - DateTimeOffset.UnixEpoch).Ticks;
        var phase = delay - Lead;
        var past = (ticks - phase.Ticks) / interval.Ticks;
        return DateTimeOffset.UnixEpoch + new TimeSpan((past + 1) * interval.Ticks) + phase;
    }
}
