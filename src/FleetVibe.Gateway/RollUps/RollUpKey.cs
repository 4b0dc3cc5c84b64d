namespace FleetVibe.Gateway.RollUps;

/// <summary>One roll-up of one series, by the series' number in the log.</summary>
internal readonly record struct RollUpKey(long Series, WindowLevel Level, long Start)
{
    /// <summary>Unix seconds; no longer inside.</summary>
    internal long End => Start + WindowLevels.SecondsOf(Level);

    /// <summary>The roll-up that this one is a part of.</summary>
    internal RollUpKey? Parent => WindowLevels.ParentOf(Level) is { } level ? new RollUpKey(Series, level, WindowLevels.StartOf(level, Start)) : null;
}
