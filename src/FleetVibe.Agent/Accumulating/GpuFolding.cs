using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool.V1;

namespace FleetVibe.Agent.Accumulating;

/// <summary>
/// GPU samples of one window: mean of utilisations, power and clock; maximum of temperature, memory used and foreign use;
/// any of throttled; union of reasons; last of totals, limits and counters.
/// </summary>
internal static class GpuFolding
{
    internal static StoredGpu Begin(string source, GpuSample sample) =>
        new() { Source = source, Gpu = sample.Gpu, Index = sample.Index, Name = sample.Name };

    internal static void Add(StoredGpu gpu, GpuSample sample)
    {
        var one = new StoredGpu { Index = sample.Index };
        (one.GpuUtilCount, one.GpuUtilSum) = Mean(sample.GpuUtilPercent);
        (one.MemoryUtilCount, one.MemoryUtilSum) = Mean(sample.MemoryUtilPercent);
        (one.PowerCount, one.PowerSum) = Mean(sample.PowerW);
        (one.SmClockCount, one.SmClockSum) = Mean(sample.SmClockMhz);
        one.ThrottleReasons.Add(sample.ThrottleReasons);
        if (sample.MemoryUsedBytes is { } used)
        {
            one.MemoryUsedMaxBytes = used;
        }

        if (sample.MemoryTotalBytes is { } total)
        {
            one.MemoryTotalBytes = total;
        }

        if (sample.TemperatureC is { } temperature)
        {
            one.TemperatureMaxC = temperature;
        }

        if (sample.PowerLimitW is { } limit)
        {
            one.PowerLimitW = limit;
        }

        if (sample.Throttled is { } throttled)
        {
            one.Throttled = throttled;
        }

        if (sample.EccUncorrected is { } ecc)
        {
            one.EccUncorrected = ecc;
        }

        if (sample.EccCorrected is { } corrected)
        {
            one.EccCorrected = corrected;
        }

        if (sample.RemappedRows is { } rows)
        {
            one.RemappedRows = rows;
        }

        if (sample.RemapPending is { } pending)
        {
            one.RemapPending = pending;
        }

        if (sample.RemapFailed is { } failed)
        {
            one.RemapFailed = failed;
        }

        if (sample.XidLast is { } xid)
        {
            one.XidLast = xid;
        }

        if (sample.ForeignProcesses is { } processes)
        {
            one.ForeignProcesses = processes;
        }

        if (sample.ForeignMemoryBytes is { } foreign)
        {
            one.ForeignMemoryBytes = foreign;
        }

        Merge(gpu, one);
    }

    internal static void Merge(StoredGpu gpu, StoredGpu later)
    {
        gpu.GpuUtilCount += later.GpuUtilCount;
        gpu.GpuUtilSum += later.GpuUtilSum;
        gpu.MemoryUtilCount += later.MemoryUtilCount;
        gpu.MemoryUtilSum += later.MemoryUtilSum;
        gpu.PowerCount += later.PowerCount;
        gpu.PowerSum += later.PowerSum;
        gpu.SmClockCount += later.SmClockCount;
        gpu.SmClockSum += later.SmClockSum;
        foreach (var reason in later.ThrottleReasons)
        {
            if (!gpu.ThrottleReasons.Contains(reason))
            {
                gpu.ThrottleReasons.Add(reason);
            }
        }

        if (later.HasMemoryUsedMaxBytes)
        {
            gpu.MemoryUsedMaxBytes = Larger(gpu.HasMemoryUsedMaxBytes, gpu.MemoryUsedMaxBytes, later.MemoryUsedMaxBytes);
        }

        if (later.HasTemperatureMaxC)
        {
            gpu.TemperatureMaxC = gpu.HasTemperatureMaxC ? Math.Max(gpu.TemperatureMaxC, later.TemperatureMaxC) : later.TemperatureMaxC;
        }

        if (later.HasForeignProcesses)
        {
            gpu.ForeignProcesses = Larger(gpu.HasForeignProcesses, gpu.ForeignProcesses, later.ForeignProcesses);
        }

        if (later.HasForeignMemoryBytes)
        {
            gpu.ForeignMemoryBytes = Larger(gpu.HasForeignMemoryBytes, gpu.ForeignMemoryBytes, later.ForeignMemoryBytes);
        }

        if (later.HasThrottled)
        {
            gpu.Throttled = gpu.Throttled || later.Throttled;
        }

        MergeLast(gpu, later);
    }

    private static void MergeLast(StoredGpu gpu, StoredGpu later)
    {
        if (later.HasMemoryTotalBytes)
        {
            gpu.MemoryTotalBytes = later.MemoryTotalBytes;
        }

        if (later.HasPowerLimitW)
        {
            gpu.PowerLimitW = later.PowerLimitW;
        }

        if (later.HasEccUncorrected)
        {
            gpu.EccUncorrected = later.EccUncorrected;
        }

        if (later.HasEccCorrected)
        {
            gpu.EccCorrected = later.EccCorrected;
        }

        if (later.HasRemappedRows)
        {
            gpu.RemappedRows = later.RemappedRows;
        }

        if (later.HasRemapPending)
        {
            gpu.RemapPending = later.RemapPending;
        }

        if (later.HasRemapFailed)
        {
            gpu.RemapFailed = later.RemapFailed;
        }

        if (later.HasXidLast)
        {
            gpu.XidLast = later.XidLast;
        }
    }

    private static (uint Count, double Sum) Mean(double? value) => value is { } known && double.IsFinite(known) ? (1u, known) : (0u, 0d);

    private static long Larger(bool known, long mine, long later) => known ? Math.Max(mine, later) : later;
}
