namespace FleetVibe.Benchmarks;

internal static class Latencies
{
    /// <summary>Log-normal latencies in seconds around one second, from a fixed seed.</summary>
    internal static double[] Draw(int count, int seed)
    {
        var random = new Random(seed);
        var values = new double[count];
        for (var i = 0; i < count; i++)
        {
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            values[i] = Math.Clamp(Math.Exp(normal), 0.001, 3600);
        }

        return values;
    }
}
