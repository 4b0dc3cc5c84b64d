namespace FleetVibe.Gateway.RollUps;

/// <summary>The chain of windows, 10 s, 1 m, 5 m, 1 h: each nests in the next.</summary>
internal static class RollUpLevels
{
    /// <exception cref="ArgumentOutOfRangeException">A level that is not known.</exception>
    internal static int SecondsOf(WindowLevel level) => level switch
    {
        WindowLevel._10S => 10,
        WindowLevel._1M => 60,
        WindowLevel._5M => 300,
        WindowLevel._1H => 3600,
        _ => throw new ArgumentOutOfRangeException(nameof(level), level, "not known"),
    };

    /// <summary>The level whose windows are made of this one's; null above one hour.</summary>
    internal static WindowLevel? ParentOf(WindowLevel level) => level < WindowLevel._1H ? level + 1 : null;

    /// <summary>Start of the window of a level that holds a moment, in unix seconds.</summary>
    internal static long StartOf(WindowLevel level, long moment) => moment - moment % SecondsOf(level);
}
