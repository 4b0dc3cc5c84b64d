using FleetVibe.Protocol.V1;

namespace FleetVibe.Protocol.Windows;

/// <summary>The chain of windows, 10 s, 1 m, 5 m, 1 h: each nests in the next.</summary>
public static class WindowLevels
{
    /// <summary>Whether a level that came over the wire is one of the chain.</summary>
    public static bool IsKnown(WindowLevel level) => level is >= WindowLevel._10S and <= WindowLevel._1H;

    /// <summary>Length of a level's windows.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A level that is not known.</exception>
    public static int SecondsOf(WindowLevel level) => level switch
    {
        WindowLevel._10S => 10,
        WindowLevel._1M => 60,
        WindowLevel._5M => 300,
        WindowLevel._1H => 3600,
        _ => throw new ArgumentOutOfRangeException(nameof(level), level, "not known"),
    };

    /// <summary>The level whose windows are made of this one's; null above one hour.</summary>
    public static WindowLevel? ParentOf(WindowLevel level) => level < WindowLevel._1H ? level + 1 : null;

    /// <summary>Start of the window of a level that holds a moment. Both in unix seconds, from 0.</summary>
    public static long StartOf(WindowLevel level, long moment) => moment - (moment % SecondsOf(level));

    /// <summary>The moment at which a window ends.</summary>
    public static DateTimeOffset EndOf(WindowLevel level, long start) => DateTimeOffset.FromUnixTimeSeconds(start + SecondsOf(level));
}
