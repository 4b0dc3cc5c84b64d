using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Simulator.Nodes;

/// <summary>What an engine and its boards show at one moment; drawn once a second out of the seed. Immutable.</summary>
internal sealed record EngineGauges
{
    public const int PowerLimitW = 450;
    public const int MemoryTotalMiB = 24_564;
    public const int MemoryReservedMiB = 434;

    public int Running { get; init; }

    public int Waiting { get; init; }

    /// <summary>0 to 1.</summary>
    public double KvCacheRatio { get; init; }

    public double CpuSeconds { get; init; } = 1.66;

    public int GpuUtilPercent { get; init; }

    public int MemoryUtilPercent { get; init; }

    public int MemoryUsedMiB { get; init; } = 3_300;

    public int TemperatureC { get; init; } = 38;

    public double PowerW { get; init; } = 28.5;

    public int SmClockMhz { get; init; } = 210;

    /// <summary>The clocks are held down by heat.</summary>
    public bool Throttled => TemperatureC >= 83;

    /// <summary>The gauges a second later.</summary>
    /// <param name="busy">Whether requests are being served.</param>
    /// <param name="wedged">Whether the engine answers but finishes nothing.</param>
    public EngineGauges Next(Random random, LatencyProfile profile, double requestsPerSecond, bool busy, bool wedged)
    {
        var util = wedged ? 100 : busy ? 88 + random.Next(12) : random.Next(3);

        // Little's law, cut to what one card batches; the rest waits.
        var inFlight = busy || wedged ? (int)(requestsPerSecond * profile.MedianSeconds * (0.8 + (0.4 * random.NextDouble()))) : 0;
        var running = Math.Min(inFlight, 64);
        return this with
        {
            Running = running,
            Waiting = wedged ? Waiting + 1 : Math.Min((inFlight - running) / 8, 32),
            KvCacheRatio = Math.Round(running / 80.0, 4),
            CpuSeconds = Math.Round(CpuSeconds + 0.2 + (util / 100.0), 2),
            GpuUtilPercent = util,
            MemoryUtilPercent = util * 7 / 10,
            MemoryUsedMiB = busy || wedged ? 21_800 + random.Next(400) : 3_300,
            TemperatureC = Math.Clamp(TemperatureC + Math.Sign(38 + (util * 3 / 8) - TemperatureC) + random.Next(2), 30, 88),
            PowerW = Math.Round(28.5 + (3.4 * util) + (5 * random.NextDouble()), 2),
            SmClockMhz = util < 5 ? 210 : 2_520 - (15 * random.Next(8)),
        };
    }
}
