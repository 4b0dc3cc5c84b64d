namespace FleetVibe.Metrics.Windows;

/// <summary>Tumbling windows: named by their start in unix seconds, a multiple of their length.</summary>
public static class WindowClock
{
    /// <summary>Length of the base window.</summary>
    public const int BaseSeconds = 10;

    /// <summary>From here on nothing happens: 2100.</summary>
    public static readonly DateTimeOffset End = new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Whether something can have happened then: after 1970 began and before 2100. A default value is no moment.</summary>
    public static bool Covers(DateTimeOffset moment) => moment > DateTimeOffset.UnixEpoch && moment < End;

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
