using System.Globalization;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.NvidiaSmi;

/// <summary>Who holds memory, as <c>--query-compute-apps</c> lists it: by header, a name may hold commas.</summary>
internal static class ComputeApps
{
    private const string Separator = ", ";
    private const string Uuid = "gpu_uuid";
    private const string Pid = "pid";
    private const string Name = "process_name";
    private const string Memory = "used_gpu_memory";

    internal static IReadOnlyList<string> Arguments { get; } = [$"--query-compute-apps={Uuid},{Pid},{Name},{Memory}", "--format=csv,nounits"];

    /// <summary>Null where the output has no such header: an error text.</summary>
    internal static IReadOnlyList<GpuProcess>? Read(IReadOnlyList<string> lines)
    {
        var first = 0;
        while (first < lines.Count && !lines[first].Contains(Pid + Separator, StringComparison.Ordinal))
        {
            first++;
        }

        if (first == lines.Count)
        {
            return null;
        }

        var columns = lines[first].Split(Separator).Select(cell => cell.Trim().Split(" [")[0]).ToList();
        var at = new[] { Uuid, Pid, Name, Memory }.ToDictionary(name => name, name => columns.IndexOf(name), StringComparer.Ordinal);
        if (at[Uuid] < 0 || at[Pid] < 0 || at[Memory] < 0)
        {
            return null;
        }

        var processes = new List<GpuProcess>();
        foreach (var line in lines.Skip(first + 1))
        {
            if (Cells(line, columns.Count, at[Name]) is { } cells
                && int.TryParse(cells[at[Pid]], NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && pid > 0)
            {
                processes.Add(new GpuProcess(cells[at[Uuid]], pid, at[Name] < 0 || cells[at[Name]].StartsWith('[') ? "" : cells[at[Name]], Bytes(cells[at[Memory]])));
            }
        }

        return processes;
    }

    // Cells behind the name are counted from the right.
    private static string[]? Cells(string line, int count, int name)
    {
        var cells = line.Split(Separator);
        if (cells.Length < count)
        {
            return null;
        }

        if (cells.Length > count && name >= 0)
        {
            var extra = cells.Length - count;
            cells = [.. cells[..name], string.Join(Separator, cells[name..(name + extra + 1)]), .. cells[(name + extra + 1)..]];
        }

        return cells.Length == count ? [.. cells.Select(cell => cell.Trim())] : null;
    }

    private static long? Bytes(string cell)
    {
        var text = cell.EndsWith(" MiB", StringComparison.Ordinal) ? cell[..^4] : cell;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var mebibytes) && mebibytes < 1L << 30 ? mebibytes << 20 : null;
    }
}
