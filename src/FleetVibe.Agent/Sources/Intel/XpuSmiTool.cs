using System.Globalization;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.Intel;

/// <summary>
/// <c>xpu-smi dump</c> (or xpumcli): CSV with a header, a row a device and tick. Columns are found by name; it names no
/// device but by its number.
/// </summary>
internal sealed class XpuSmiTool(string command, TimeSpan every) : LoopTool(command)
{
    private const string Device = "DeviceId";

    private Dictionary<string, int>? _columns;
    private int _width;

    public override string Cure => "install Intel's XPU Manager, or set `command`, e.g. to xpumcli";

    /// <summary>Utilisation, power, clock, core temperature, memory bandwidth use, memory used, of all devices.</summary>
    public override IReadOnlyList<string> Arguments =>
        ["dump", "-d", "-1", "-m", "0,1,2,3,17,18", "-i", Math.Max(1, (long)every.TotalSeconds).ToString(CultureInfo.InvariantCulture)];

    public override void Begin() => _columns = null;

    public override ToolLine Read(string line, DateTimeOffset at)
    {
        var cells = line.Split(',', StringSplitOptions.TrimEntries);
        if (Array.IndexOf(cells, Device) >= 0)
        {
            _columns = [];
            _width = cells.Length;
            for (var i = 0; i < cells.Length; i++)
            {
                _columns.TryAdd(cells[i], i);
            }

            return new ToolLine(ToolLineKind.Part);
        }

        if (_columns is null)
        {
            return new ToolLine(ToolLineKind.Unknown);
        }

        if (cells.Length != _width || !int.TryParse(cells[_columns[Device]], NumberStyles.None, CultureInfo.InvariantCulture, out var index))
        {
            return new ToolLine(ToolLineKind.Skipped);
        }

        return ToolLine.Of(new GpuSample($"XPU-{index}", index, "Intel GPU", at)
        {
            GpuUtilPercent = ToolNumber.Percent(Value("GPU Utilization (%)")),
            MemoryUtilPercent = ToolNumber.Percent(Value("GPU Memory Bandwidth Utilization (%)")),
            MemoryUsedBytes = ToolNumber.Bytes(Value("GPU Memory Used (MiB)"), 1 << 20),
            TemperatureC = Value("GPU Core Temperature (Celsius Degree)") ?? Value("GPU Core Temperature (C)"),
            PowerW = Value("GPU Power (W)"),
            SmClockMhz = Value("GPU Frequency (MHz)"),
        });

        double? Value(string name) => _columns.TryGetValue(name, out var column) ? ToolNumber.Of(cells[column]) : null;
    }
}
