using System.Text;
using FleetVibe.Agent.Sources.NvidiaSmi;

namespace FleetVibe.Agent.Sources.Reading;

/// <summary>A line that an agent leaves out.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Reason">One line for a user.</param>
public sealed record LineLeftOut(int Line, string Reason);

/// <summary>What nvidia-smi's CSV holds.</summary>
public sealed record GpuTableLook(IReadOnlyList<GpuSample> Gpus, IReadOnlyList<LineLeftOut> Skipped);

/// <summary>Reads nvidia-smi's CSV as the source <c>nvidia_smi</c> does.</summary>
public static class GpuTableReading
{
    /// <summary>Whether a line names the columns of such a table.</summary>
    public static bool IsHeader(string line) => GpuCsv.FromHeader(line) is not null;

    /// <param name="at">Stands for the moment at which each row was read.</param>
    public static GpuTableLook Read(ReadOnlySpan<byte> body, DateTimeOffset at)
    {
        var gpus = new List<GpuSample>();
        var skipped = new List<LineLeftOut>();
        GpuCsv? table = null;
        var number = 0;
        foreach (var range in body.Split((byte)'\n'))
        {
            number++;
            var line = Encoding.UTF8.GetString(body[range]).Trim('\uFEFF', ' ', '\r', '\t');
            if (line.Length == 0)
            {
                continue;
            }

            if (GpuCsv.FromHeader(line) is { } header)
            {
                table = header;
            }
            else if (table is null)
            {
                skipped.Add(new LineLeftOut(number, "no header with uuid and index stands above it"));
            }
            else if (table.Read(line, at) is { } sample)
            {
                gpus.Add(sample);
            }
            else
            {
                skipped.Add(new LineLeftOut(number, "no row of a GPU with as many cells as the header, a uuid and an index"));
            }
        }

        return new GpuTableLook(gpus, skipped);
    }

    /// <summary>The figures of one GPU under the names of <c>vibe_gpu</c>; what the tool did not give is not among them.</summary>
    public static IEnumerable<MappedValue> ValuesOf(GpuSample gpu) => PageReading.Given(
        $"GPU {PageReading.Text(gpu.Index)} {gpu.Name} ({gpu.Gpu})",
        ("gpu_util_percent", PageReading.Text(gpu.GpuUtilPercent)),
        ("memory_util_percent", PageReading.Text(gpu.MemoryUtilPercent)),
        ("memory_used_bytes", PageReading.Text(gpu.MemoryUsedBytes)),
        ("memory_total_bytes", PageReading.Text(gpu.MemoryTotalBytes)),
        ("temperature_c", PageReading.Text(gpu.TemperatureC)),
        ("power_w", PageReading.Text(gpu.PowerW)),
        ("power_limit_w", PageReading.Text(gpu.PowerLimitW)),
        ("sm_clock_mhz", PageReading.Text(gpu.SmClockMhz)),
        ("throttled", gpu.Throttled switch { true => "true", false => "false", null => "" }),
        ("throttle_reasons", string.Join(' ', gpu.ThrottleReasons)),
        ("ecc_uncorrected", PageReading.Text(gpu.EccUncorrected)),
        ("ecc_corrected", PageReading.Text(gpu.EccCorrected)),
        ("remapped_rows", PageReading.Text(gpu.RemappedRows)),
        ("xid_last", PageReading.Text(gpu.XidLast)));
}
