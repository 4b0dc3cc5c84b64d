namespace FleetVibe.Metrics.Windows;

/// <summary>Tumbling windows: named by their start in unix seconds, a multiple of their length.</summary>
public static class WindowClock
{
    /// <summary>Length of the base window.</summary>
    public const int BaseSeconds = 10;

    /// <summary>Start of the base window that holds a moment.</summary>
    public static long StartOf(DateTimeOffset moment) => StartOf(moment, BaseSeconds);

    /// <summary>Start of the window of the given length that holds a moment.</summary>
    public static long StartOf(DateTimeOffset moment, int lengthSeconds)
    {
        var ticks = moment.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        var length = lengthSeconds * TimeSpan.TicksPerSecond;
        return (ticks - (((ticks % length) + length) % length)) / TimeSpan.TicksPerSecond;
    }

    /// <summary>The moment at which the base window ends.</summary>
    public static DateTimeOffset EndOf(long start) => DateTimeOffset.FromUnixTimeSeconds(start + BaseSeconds);
}
