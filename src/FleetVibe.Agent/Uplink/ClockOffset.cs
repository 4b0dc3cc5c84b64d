namespace FleetVibe.Agent.Uplink;

/// <summary>
/// How far this node's clock is behind the aggregator's, from the four times of one exchange as NTP takes it:
/// ((T2 - T1) + (T3 - T4)) / 2 (RFC 5905, section 8). Offsets within a second are left alone.
/// </summary>
internal static class ClockOffset
{
    internal static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(1);

    /// <summary>The correction that holds after a measurement.</summary>
    /// <param name="applied">The correction so far.</param>
    /// <param name="sent">T1, agent's clock.</param>
    /// <param name="received">T2, aggregator's clock.</param>
    /// <param name="answered">T3, aggregator's clock.</param>
    /// <param name="arrived">T4, agent's clock.</param>
    internal static TimeSpan Next(TimeSpan applied, long sent, long received, long answered, long arrived)
    {
        var offset = TimeSpan.FromMicroseconds((((double)received - sent) + ((double)answered - arrived)) / 2 / 1000);

        // The error of a measurement is at most half its round trip.
        var doubt = TimeSpan.FromMicroseconds(Math.Max(0, ((double)arrived - sent) - ((double)answered - received)) / 2 / 1000);
        if ((offset - applied).Duration() <= Tolerance + doubt)
        {
            return applied;
        }

        return offset.Duration() > Tolerance ? offset : TimeSpan.Zero;
    }

    /// <summary>Unix nanoseconds.</summary>
    internal static long Nanoseconds(DateTimeOffset moment) => (moment - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
}
