namespace FleetVibe.EndToEnd.Tests.Infrastructure;

internal static class Percentiles
{
    /// <summary>Promise P5: relative error at most 0.55 % where every value came exactly.</summary>
    private const double Bound = 0.0055;

    public static IReadOnlyList<(int Permille, string Field)> ResponseTime { get; } =
        [(500, "response_time_p50_ms"), (950, "response_time_p95_ms"), (990, "response_time_p99_ms")];

    public static void AssertWithinBound(double exact, double published, string what) =>
        Assert.True(Math.Abs(published - exact) <= Bound * exact, $"{what}: published {published}, exact {exact}");
}
