namespace FleetVibe.Aggregator;

/// <summary>One look at the one clock, by both of its hands.</summary>
/// <param name="Utc">For windows, and for what is said to others. It may be set, back too.</param>
/// <param name="Up">For waits: since some moment before the start, evenly, whatever the other is set to.</param>
internal readonly record struct Moment(DateTimeOffset Utc, TimeSpan Up)
{
    public static Moment Of(TimeProvider time) => new(time.GetUtcNow(), time.GetElapsedTime(0));
}
