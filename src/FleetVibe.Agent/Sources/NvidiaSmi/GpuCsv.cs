using System.Globalization;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.NvidiaSmi;

/// <summary>
/// Reads nvidia-smi's CSV by its header. What is no number is absent and never 0: the tool has many words for "not here"
/// (<c>[N/A]</c>, <c>[Not Supported]</c>, <c>[Requested functionality has been deprecated]</c> ...), and new ones come.
/// </summary>
internal sealed class GpuCsv
{
    private const string Separator = ", ";

    private readonly Dictionary<string, int> _columns;
    private readonly string[] _units;

    private GpuCsv(Dictionary<string, int> columns, string[] units)
    {
        _columns = columns;
        _units = units;
    }

    /// <summary>Null where the line is no header: it lacks <c>uuid</c> or <c>index</c>.</summary>
    public static GpuCsv? FromHeader(string line)
    {
        var cells = line.Split(Separator);
        var columns = new Dictionary<string, int>(StringComparer.Ordinal);
        var units = new string[cells.Length];
        for (var i = 0; i < cells.Length; i++)
        {
            var cell = cells[i].Trim();
            var unit = cell.IndexOf(" [", StringComparison.Ordinal);
            columns[unit < 0 ? cell : cell[..unit]] = i;
            units[i] = unit < 0 ? "" : cell[(unit + 2)..].TrimEnd(']');
        }

        return columns.ContainsKey(GpuQuery.Uuid) && columns.ContainsKey(GpuQuery.Index) ? new GpuCsv(columns, units) : null;
    }

    /// <summary>Null where the line is no row of a GPU that can be named: an error text, or a lost board.</summary>
    /// <param name="at">When the line was read; the tool's own time names no zone.</param>
    public GpuSample? Read(string line, DateTimeOffset at)
    {
        var cells = line.Split(Separator, _units.Length);
        if (cells.Length != _units.Length)
        {
            return null;
        }

        var uuid = Cell(cells, GpuQuery.Uuid);
        if (uuid.Length == 0 || uuid == "N/A" || uuid.AsSpan().ContainsAny(" []") || !int.TryParse(Cell(cells, GpuQuery.Index), NumberStyles.None, CultureInfo.InvariantCulture, out var index))
        {
            return null;
        }

        var reasons = Mask(cells, GpuQuery.Reasons) ?? Mask(cells, GpuQuery.OldReasons);
        return new GpuSample(uuid, index, NameOf(cells), at)
        {
            GpuUtilPercent = Number(cells, GpuQuery.GpuUtil),
            MemoryUtilPercent = Number(cells, GpuQuery.MemoryUtil),
            MemoryUsedBytes = Bytes(cells, GpuQuery.MemoryUsed),
            MemoryTotalBytes = Bytes(cells, GpuQuery.MemoryTotal),
            TemperatureC = Number(cells, GpuQuery.Temperature),
            PowerW = Number(cells, GpuQuery.Power),
            PowerLimitW = Number(cells, GpuQuery.EnforcedPowerLimit) ?? Number(cells, GpuQuery.PowerLimit),
            SmClockMhz = Number(cells, GpuQuery.SmClock),
            Throttled = reasons is { } mask ? ThrottleReasons.IsThrottled(mask) : null,
            ThrottleReasons = reasons is { } listed ? ThrottleReasons.NamesOf(listed) : [],
            EccUncorrected = Count(cells, GpuQuery.EccUncorrected),
            EccCorrected = Count(cells, GpuQuery.EccCorrected),
            RemappedRows = Count(cells, GpuQuery.RemappedCorrectable) + Count(cells, GpuQuery.RemappedUncorrectable),
            RemapPending = Flag(cells, GpuQuery.RemapPending),
            RemapFailed = Flag(cells, GpuQuery.RemapFailure),
            Pci = PciAddress.Normalize(Cell(cells, GpuQuery.Bus)),
        };
    }

    /// <summary>Whether the row's board is cut into MIG instances.</summary>
    public bool IsMig(string line) => line.Split(Separator, _units.Length) is { } cells && cells.Length == _units.Length && Cell(cells, GpuQuery.MigMode) == "Enabled";

    private long? Count(string[] cells, string field) => ToolNumber.Count(Number(cells, field));

    // Yes and No in recordings; a number in some versions.
    private bool? Flag(string[] cells, string field) => Cell(cells, field) switch { "Yes" or "1" => true, "No" or "0" => false, _ => null };

    private string Cell(string[] cells, string field) => _columns.TryGetValue(field, out var column) ? cells[column].Trim() : "";

    private string NameOf(string[] cells)
    {
        var name = Cell(cells, GpuQuery.Name);
        return name.StartsWith('[') || name == "N/A" ? "" : name;
    }

    private double? Number(string[] cells, string field)
    {
        if (!_columns.TryGetValue(field, out var column))
        {
            return null;
        }

        // Some versions leave the unit on the value even when asked not to.
        var text = cells[column].Trim();
        var unit = _units[column];
        if (unit.Length > 0 && text.EndsWith(unit, StringComparison.Ordinal))
        {
            text = text[..^unit.Length].TrimEnd();
        }

        return ToolNumber.Of(text);
    }

    private long? Bytes(string[] cells, string field)
    {
        if (Number(cells, field) is not { } value || value < 0)
        {
            return null;
        }

        long? unit = _units[_columns[field]] switch
        {
            "B" or "bytes" => 1,
            "KiB" => 1L << 10,
            "" or "MiB" => 1L << 20,
            "GiB" => 1L << 30,
            _ => null,
        };
        return unit is { } bytes ? (long)Math.Round(value * bytes) : null;
    }

    private ulong? Mask(string[] cells, string field)
    {
        var text = Cell(cells, field);
        return text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            && ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var mask)
            ? mask
            : null;
    }
}
