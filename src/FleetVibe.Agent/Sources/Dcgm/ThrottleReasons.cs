namespace FleetVibe.Agent.Sources.Dcgm;

/// <summary>NVML's bits of what holds a clock down (nvmlClocksEventReason).</summary>
internal static class ThrottleReasons
{
    /// <summary>Those that mean a fault or heat: hardware and thermal slowdown, power brake.</summary>
    public const long Throttling = 0x8 | 0x20 | 0x40 | 0x80;

    private static readonly (long Bit, string Name)[] Known =
    [
        (0x4, "sw_power_cap"), (0x8, "hw_slowdown"), (0x20, "sw_thermal_slowdown"), (0x40, "hw_thermal_slowdown"), (0x80, "hw_power_brake_slowdown"),
    ];

    public static IReadOnlyList<string> NamesOf(long bits) => [.. Known.Where(k => (bits & k.Bit) != 0).Select(k => k.Name)];
}
