using System.Globalization;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>Linux' <c>/proc</c> (proc(5)).</summary>
internal sealed class ProcessTable(string root = "/proc") : IProcessTable
{
    // PROC_PID_INIT_INO of the kernel: the first namespace of processes has this number on every machine.
    private const string HostNamespace = "pid:[4026531836]";

    public bool SeesHost => LinkOf(Path.Combine(root, "self", "ns", "pid")) == HostNamespace;

    public ProcessFacts? Find(int pid)
    {
        var folder = Path.Combine(root, pid.ToString(CultureInfo.InvariantCulture));
        if (Read(folder, "stat") is not { } stat)
        {
            return null;
        }

        // The name in parentheses may hold anything, parentheses too.
        var rest = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (rest.Length < 2 || rest[0] is "Z" or "X")
        {
            return null;
        }

        var command = (Read(folder, "cmdline") ?? "").Replace('\0', ' ').Trim();
        return new ProcessFacts(command, CgroupOf(Read(folder, "cgroup") ?? ""), int.TryParse(rest[1], NumberStyles.None, CultureInfo.InvariantCulture, out var parent) ? parent : 0);
    }

    // Version 2 has the one line "0::PATH"; of version 1 the controller that services and containers are told apart by.
    private static string CgroupOf(string text)
    {
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(':', 3)).Where(parts => parts.Length == 3).ToList();
        var chosen = lines.Find(parts => parts[0] == "0" && parts[2] != "/") ?? lines.Find(parts => parts[1] is "name=systemd" or "memory" && parts[2] != "/");
        return chosen?[2] ?? "";
    }

    private static string? Read(string folder, string name)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? LinkOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
