namespace FleetVibe.Agent.Sources.Prometheus;

/// <summary>Wire numbers that can be counted with.</summary>
internal static class CountValue
{
    /// <summary>Above it a double no longer tells one event from the next.</summary>
    public const long Max = 1L << 53;

    /// <summary>Largest sum in its own unit whose micro-units are kept.</summary>
    private const double MaxSum = 4e12;

    /// <summary>A cumulative count; null where it is no number, negative or beyond exactness.</summary>
    public static long? From(double value) => value >= 0 && value <= Max ? (long)Math.Round(value) : null;

    /// <summary>A cumulative sum in micro-units, rounded as it stands so that differences telescope; null as above.</summary>
    public static long? MicrosFrom(double value) => value >= 0 && value <= MaxSum ? (long)Math.Round(value * 1e6) : null;
}
