namespace FleetVibe.Aggregator.Sessions;

internal static class UnixNanoseconds
{
    /// <summary>Nanoseconds since 1970, in steps of 100.</summary>
    public static long Of(DateTimeOffset moment) => (moment.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;
}
