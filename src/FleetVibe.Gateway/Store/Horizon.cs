namespace FleetVibe.Gateway.Store;

/// <summary>The horizon: below it no window is created or changed. It moves forward only, in whole hours, the largest roll-up.</summary>
internal static class Horizon
{
    /// <summary>Where the horizon stands at a moment, in unix seconds.</summary>
    internal static long At(DateTimeOffset now, TimeSpan retention) =>
        HourOf(now.ToUnixTimeSeconds() - (long)retention.TotalSeconds);

    /// <summary>Where it stands next: never back, and never past a roll-up that has to be made.</summary>
    /// <param name="oldestDirty">Start of the oldest such roll-up; the larger ones around it are due after it.</param>
    internal static long Advance(long current, DateTimeOffset now, TimeSpan retention, long? oldestDirty) =>
        Math.Max(current, Math.Min(At(now, retention), oldestDirty is { } dirty ? HourOf(dirty) : long.MaxValue));

    private static long HourOf(long seconds) => seconds - ((seconds % 3600) + 3600) % 3600;
}
