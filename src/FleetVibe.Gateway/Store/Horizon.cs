namespace FleetVibe.Gateway.Store;

/// <summary>The horizon: below it no window is created or changed. It moves forward only, in whole hours, the largest roll-up.</summary>
internal static class Horizon
{
    /// <summary>Where the horizon stands at a moment, in unix seconds.</summary>
    internal static long At(DateTimeOffset now, TimeSpan retention)
    {
        var seconds = now.ToUnixTimeSeconds() - (long)retention.TotalSeconds;
        return seconds - ((seconds % 3600) + 3600) % 3600;
    }

    /// <summary>Where it stands next: never back.</summary>
    internal static long Advance(long current, DateTimeOffset now, TimeSpan retention) => Math.Max(current, At(now, retention));
}
