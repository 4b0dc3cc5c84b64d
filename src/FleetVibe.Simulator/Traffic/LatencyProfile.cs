namespace FleetVibe.Simulator.Traffic;

/// <summary>
/// How long the completions of one node take: lognormal, cut to 50 ms .. 30 min. Tokens follow from the time after the
/// first token and the speed, so that a line never contradicts itself.
/// </summary>
/// <param name="Name">As on the command line.</param>
/// <param name="MedianSeconds">Median duration.</param>
/// <param name="Sigma">Standard deviation of the duration's natural logarithm.</param>
/// <param name="TtftMedianSeconds">Median time to first token.</param>
/// <param name="TokensPerSecond">Median decoding speed of one sequence.</param>
public sealed record LatencyProfile(
    string Name, double MedianSeconds, double Sigma, double TtftMedianSeconds, double TokensPerSecond)
{
    /// <summary>A fast card: answers of a few seconds.</summary>
    public static LatencyProfile Fast { get; } = new("fast", 4, 1.1, 0.08, 240);

    /// <summary>A usual card: three quarters of a minute, a long tail.</summary>
    public static LatencyProfile Usual { get; } = new("usual", 45, 1.0, 0.25, 110);

    /// <summary>An old or throttled card: minutes.</summary>
    public static LatencyProfile Slow { get; } = new("slow", 240, 0.8, 1.5, 45);

    public static IReadOnlyList<LatencyProfile> All { get; } = [Fast, Usual, Slow];

    /// <summary>The profile of a name; null where there is none.</summary>
    public static LatencyProfile? Find(string name) =>
        All.FirstOrDefault(profile => profile.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
