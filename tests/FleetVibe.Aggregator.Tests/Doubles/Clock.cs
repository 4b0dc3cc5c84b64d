namespace FleetVibe.Aggregator.Tests.Doubles;

/// <summary>Moments of a clock that was never set, unless a test says so.</summary>
internal static class Clock
{
    public static Moment At(DateTimeOffset utc) => new(utc, utc - DateTimeOffset.UnixEpoch);

    /// <summary>The same moment, told by a wall clock that was set back.</summary>
    public static Moment SetBack(this Moment now, double hours = 1) => now with { Utc = now.Utc - TimeSpan.FromHours(hours) };
}
