namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>
/// NVIDIA's clock event reasons (nvml.h, <c>nvmlClocksEventReason*</c>) as names. Only a slow-down by heat, by the power
/// brake or by the hardware counts as throttled; a power cap or configured clocks are how many boards run all day.
/// </summary>
internal static class ThrottleReasons
{
    private const ulong Idle = 0x1;
    private const ulong AlarmWorthy = 0x8 | 0x20 | 0x40 | 0x80;

    private static readonly (ulong Bit, string Name)[] Names =
    [
        (0x2, "applications_clocks_setting"),
        (0x4, "sw_power_cap"),
        (0x8, "hw_slowdown"),
        (0x10, "sync_boost"),
        (0x20, "sw_thermal_slowdown"),
        (0x40, "hw_thermal_slowdown"),
        (0x80, "hw_power_brake_slowdown"),
        (0x100, "display_clock_setting"),
    ];

    public static bool IsThrottled(ulong mask) => (mask & AlarmWorthy) != 0;

    /// <summary>Every reason but idleness, which is none; a bit without a name is given as a number.</summary>
    public static IReadOnlyList<string> NamesOf(ulong mask)
    {
        mask &= ~Idle;
        if (mask == 0)
        {
            return [];
        }

        var names = new List<string>();
        foreach (var (bit, name) in Names)
        {
            if ((mask & bit) != 0)
            {
                names.Add(name);
                mask &= ~bit;
            }
        }

        if (mask != 0)
        {
            names.Add($"unknown_0x{mask:x}");
        }

        return names;
    }
}
