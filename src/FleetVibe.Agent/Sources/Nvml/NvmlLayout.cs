using System.Globalization;
using System.Runtime.InteropServices;

namespace FleetVibe.Agent.Sources.Nvml;

/// <summary>How a version of the library lays out one process of a list.</summary>
/// <param name="Suffix">Of the functions that fill it.</param>
/// <param name="Stride">Bytes of an element: number at 0, memory at 8.</param>
internal readonly record struct NvmlProcessLayout(string Suffix, int Stride)
{
    private static readonly NvmlProcessLayout V3 = new("_v3", 24);
    private static readonly NvmlProcessLayout V2 = new("_v2", 24);
    private static readonly NvmlProcessLayout V1 = new("", 16);

    /// <summary>The memory of a process where the driver cannot tell it.</summary>
    internal const ulong NotAvailable = ulong.MaxValue;

    /// <summary>
    /// The layouts to try, in order. Drivers 535.43 to 535.86 filled version 3 with elements of 32 bytes, which 535.98 took
    /// back, so version 2 is asked there.
    /// </summary>
    internal static IReadOnlyList<NvmlProcessLayout> For(string driver) => HasLongElements(driver) ? [V2, V1] : [V3, V2, V1];

    private static bool HasLongElements(string driver)
    {
        var parts = driver.Split('.');
        return parts.Length >= 2 && parts[0] == "535"
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minor) && minor is >= 43 and < 98;
    }
}

/// <summary>nvmlUtilization_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RawUtilization
{
    public uint Gpu;
    public uint Memory;
}

/// <summary>nvmlMemory_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RawMemory
{
    public ulong Total;
    public ulong Free;
    public ulong Used;
}

/// <summary>nvmlMemory_v2_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RawMemoryV2
{
    public uint Version;
    public ulong Total;
    public ulong Reserved;
    public ulong Free;
    public ulong Used;
}

/// <summary>nvmlTemperature_v1_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RawTemperatureV1
{
    public uint Version;
    public int SensorType;
    public int Temperature;
}

/// <summary>nvmlEventData_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RawEvent
{
    public nint Device;
    public ulong Type;
    public ulong Data;
    public uint GpuInstance;
    public uint ComputeInstance;
}
