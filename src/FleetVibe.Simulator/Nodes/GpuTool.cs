using System.Globalization;
using System.Text;

namespace FleetVibe.Simulator.Nodes;

/// <summary>A process on a board, as <c>--query-compute-apps</c> shows it.</summary>
public sealed record GpuProcess(int Pid, string Name, int MemoryMiB);

/// <summary>The stand-in nvidia-smi of one node: the executable and the tables that it reads. Thread safe.</summary>
internal sealed class GpuTool
{
    private readonly Lock _lock = new();
    private readonly string _directory;
    private readonly string[] _uuids;

    /// <param name="directory">Absolute.</param>
    public GpuTool(string directory, int count, Random random)
    {
        _directory = directory;
        _uuids = [.. Enumerable.Range(0, count).Select(_ => Uuid(random))];
        Executable = Path.Combine(directory, "nvidia-smi");
        File.Delete(Path.Combine(directory, NvidiaSmiScript.SampledFile));
        File.Delete(Path.Combine(directory, NvidiaSmiScript.FaultFile));
        WriteWhole(Executable, NvidiaSmiScript.For(directory), executable: true);
    }

    public string Executable { get; }

    public IReadOnlyList<string> Uuids => _uuids;

    /// <summary>Whether anybody has asked for the boards' values since the node started.</summary>
    public bool WasSampled => File.Exists(Path.Combine(_directory, NvidiaSmiScript.SampledFile));

    /// <summary>What the tool does from now on; null heals it.</summary>
    public void SetFault(string? fault)
    {
        lock (_lock)
        {
            var path = Path.Combine(_directory, NvidiaSmiScript.FaultFile);
            if (fault is null)
            {
                File.Delete(path);
            }
            else
            {
                WriteWhole(path, fault + "\n", executable: false);
            }
        }
    }

    public void Write(EngineGauges gauges, IReadOnlyList<GpuProcess> processes, DateTimeOffset now)
    {
        lock (_lock)
        {
            WriteWhole(Path.Combine(_directory, NvidiaSmiScript.BoardsFile), Boards(gauges, now), executable: false);
            WriteWhole(Path.Combine(_directory, NvidiaSmiScript.ProcessesFile), Processes(processes, now), executable: false);
        }
    }

    private string Boards(EngineGauges g, DateTimeOffset now)
    {
        var table = new StringBuilder();
        for (var i = 0; i < _uuids.Length; i++)
        {
            var cells = Board(g, now, i);
            if (i == 0)
            {
                table.AppendJoin('\t', cells.Select(c => c.Name)).Append('\n').AppendJoin('\t', cells.Select(c => c.Unit)).Append('\n');
            }

            table.AppendJoin('\t', cells.Select(c => c.Value)).Append('\n');
        }

        return table.ToString();
    }

    /// <summary>Fields and order of a driver 595; what a consumer board does not have is [N/A].</summary>
    private List<Cell> Board(EngineGauges g, DateTimeOffset now, int index) =>
    [
        new("timestamp", "-", Local(now)),
        new("driver_version", "-", "595.71.05"),
        new("count", "-", Text(_uuids.Length)),
        new("name", "-", "NVIDIA GeForce RTX 4090"),
        Missing("serial"),
        new("uuid", "-", _uuids[index]),
        new("pci.bus_id", "-", BusId(index)),
        new("pcie.link.gen.current", "-", "4"),
        new("pcie.link.width.current", "-", "16"),
        new("index", "-", Text(index)),
        new("persistence_mode", "-", "Enabled"),
        new("vbios_version", "-", "95.02.3C.00.8C"),
        new("fan.speed", "%", Text(Math.Clamp(g.TemperatureC, 30, 100))),
        new("pstate", "-", g.GpuUtilPercent > 5 ? "P2" : "P8"),
        new("clocks_event_reasons.supported", "-", "0x00000000000001FF"),
        new("clocks_event_reasons.active", "-", g.Throttled ? "0x0000000000000020" : g.GpuUtilPercent > 5 ? "0x0000000000000000" : "0x0000000000000001"),
        new("clocks_event_reasons.gpu_idle", "-", Active(g.GpuUtilPercent <= 5)),
        new("clocks_event_reasons.sw_power_cap", "-", Active(false)),
        new("clocks_event_reasons.hw_slowdown", "-", Active(false)),
        new("clocks_event_reasons.hw_thermal_slowdown", "-", Active(false)),
        new("clocks_event_reasons.hw_power_brake_slowdown", "-", Active(false)),
        new("clocks_event_reasons.sw_thermal_slowdown", "-", Active(g.Throttled)),
        new("clocks_event_reasons.sync_boost", "-", Active(false)),
        new("memory.total", "MiB", Text(EngineGauges.MemoryTotalMiB)),
        new("memory.reserved", "MiB", Text(EngineGauges.MemoryReservedMiB)),
        new("memory.used", "MiB", Text(g.MemoryUsedMiB)),
        new("memory.free", "MiB", Text(EngineGauges.MemoryTotalMiB - EngineGauges.MemoryReservedMiB - g.MemoryUsedMiB)),
        new("compute_mode", "-", "Default"),
        new("utilization.gpu", "%", Text(g.GpuUtilPercent)),
        new("utilization.memory", "%", Text(g.MemoryUtilPercent)),
        new("utilization.encoder", "%", "0"),
        new("utilization.decoder", "%", "0"),
        Missing("ecc.mode.current"),
        Missing("ecc.errors.corrected.volatile.total"),
        Missing("ecc.errors.corrected.aggregate.total"),
        Missing("ecc.errors.uncorrected.volatile.total"),
        Missing("ecc.errors.uncorrected.aggregate.total"),
        Missing("remapped_rows.correctable"),
        Missing("remapped_rows.uncorrectable"),
        Missing("remapped_rows.pending"),
        Missing("remapped_rows.failure"),
        new("temperature.gpu", "-", Text(g.TemperatureC)),
        Missing("temperature.gpu.tlimit"),
        new("temperature.memory", "-", "N/A"),
        new("power.draw", "W", Watts(g.PowerW)),
        new("power.draw.average", "W", Watts(g.PowerW)),
        new("power.draw.instant", "W", Watts(g.PowerW + 1.7)),
        new("power.limit", "W", Watts(EngineGauges.PowerLimitW)),
        new("enforced.power.limit", "W", Watts(EngineGauges.PowerLimitW)),
        new("power.default_limit", "W", Watts(EngineGauges.PowerLimitW)),
        new("clocks.current.graphics", "MHz", Text(g.SmClockMhz)),
        new("clocks.current.sm", "MHz", Text(g.SmClockMhz)),
        new("clocks.current.memory", "MHz", g.GpuUtilPercent > 5 ? "10251" : "405"),
        new("clocks.applications.graphics", "MHz", "[Requested functionality has been deprecated]"),
        new("clocks.max.sm", "MHz", "3105"),
        Missing("mig.mode.current"),
    ];

    private string Processes(IReadOnlyList<GpuProcess> processes, DateTimeOffset now)
    {
        var table = new StringBuilder("timestamp\tname\tpci.bus_id\tserial\tuuid\tpid\tprocess_name\tused_gpu_memory\n-\t-\t-\t-\t-\t-\t-\tMiB\n");
        foreach (var process in processes)
        {
            table.AppendJoin('\t', Local(now), "NVIDIA GeForce RTX 4090", BusId(0), "[N/A]", _uuids[0], Text(process.Pid), process.Name, Text(process.MemoryMiB)).Append('\n');
        }

        return table.ToString();
    }

    private static Cell Missing(string name) => new(name, "-", "[N/A]");

    private static string Active(bool active) => active ? "Active" : "Not Active";

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Watts(double value) => value.ToString("F2", CultureInfo.InvariantCulture);

    private static string BusId(int index) => string.Create(CultureInfo.InvariantCulture, $"00000000:{index + 1:X2}:00.0");

    /// <summary>nvidia-smi writes the local time without naming the zone.</summary>
    private static string Local(DateTimeOffset now) => now.ToLocalTime().ToString("yyyy/MM/dd HH:mm:ss.fff", CultureInfo.InvariantCulture);

    private static string Uuid(Random random)
    {
        var bytes = new byte[16];
        random.NextBytes(bytes);
        return $"GPU-{new Guid(bytes)}";
    }

    /// <summary>By rename, so that the tool never reads half a table.</summary>
    private static void WriteWhole(string path, string text, bool executable)
    {
        var aside = path + ".new";
        File.WriteAllText(aside, text);
        if (executable && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(
                aside,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead
                | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        }

        File.Move(aside, path, overwrite: true);
    }

    private readonly record struct Cell(string Name, string Unit, string Value);
}
