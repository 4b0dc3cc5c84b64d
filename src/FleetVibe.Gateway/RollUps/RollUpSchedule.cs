namespace FleetVibe.Gateway.RollUps;

/// <summary>When a roll-up is made: at once where it was not made lately, else at most every 10, 30, 60 s. Pure.</summary>
internal static class RollUpSchedule
{
    /// <summary>Until this long after its end a window is waited for.</summary>
    internal static readonly TimeSpan Lateness = TimeSpan.FromSeconds(60);

    // The longest roll-up, begun just now, and its lateness; a mark that waits longer was set before the clock was set back.
    internal static readonly TimeSpan LongestWait = TimeSpan.FromHours(2);

    /// <summary>Shortest time between two makings of one roll-up.</summary>
    internal static TimeSpan IntervalOf(WindowLevel level) => level switch
    {
        WindowLevel._1M => TimeSpan.FromSeconds(10),
        WindowLevel._5M => TimeSpan.FromSeconds(30),
        _ => TimeSpan.FromSeconds(60),
    };

    /// <summary>When a roll-up is due that is dirty since a moment. <paramref name="lastMade"/>: null where it never was.</summary>
    internal static DateTimeOffset DueAt(WindowLevel level, DateTimeOffset dirtySince, DateTimeOffset? lastMade)
    {
        // Made in the future: the clock was set back since.
        var earliest = lastMade is { } made && made <= dirtySince ? made + IntervalOf(level) : dirtySince;
        return earliest > dirtySince ? earliest : dirtySince;
    }

    /// <summary>Whether no more is expected of the span by now.</summary>
    internal static bool IsPast(RollUpKey key, DateTimeOffset now) => now >= PastAt(key);

    /// <summary>When a roll-up that was just made must be made again though nothing marks it; null where its mark can go.</summary>
    /// <param name="marksBelow">A smaller roll-up inside it is dirty.</param>
    internal static DateTimeOffset? NextLook(RollUpKey key, bool marksBelow, DateTimeOffset now) =>
        !IsPast(key, now) ? PastAt(key)
        : marksBelow ? now + IntervalOf(key.Level)
        : null;

    private static DateTimeOffset PastAt(RollUpKey key) => DateTimeOffset.FromUnixTimeSeconds(key.End) + Lateness;
}
