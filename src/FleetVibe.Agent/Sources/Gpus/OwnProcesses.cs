using System.Globalization;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>
/// Which processes on a GPU belong to the engine: those that an entry names, whoever descends from one of them, and
/// whoever shares its service or container. Immutable.
/// </summary>
public sealed class OwnProcesses
{
    internal const string PidPrefix = "pid:";
    internal const string CgroupPrefix = "cgroup:";

    /// <summary>Parts of the commands of the engines that FleetVibe reads.</summary>
    internal static IReadOnlyList<string> Engines { get; } =
    [
        "vllm", "sglang", "text-generation", "text-embeddings", "llama-server", "llama_cpp", "ollama", "lmdeploy", "tritonserver",
        "trtllm", "tensorrt_llm", "mindie", "local-ai", "lm-studio", "vibethinker", "uvicorn", "gunicorn",
    ];

    private static readonly string[] ContainerMarks = ["docker", "containerd", "kubepods", "libpod", "crio", "lxc"];

    private readonly IReadOnlyList<string> _entries;

    /// <param name="entries">As <see cref="ProblemOf"/> takes them; empty means <see cref="Engines"/>.</param>
    internal OwnProcesses(IReadOnlyList<string> entries)
    {
        IsGuess = entries.Count == 0;
        _entries = IsGuess ? Engines : entries;
    }

    /// <summary>The user named none: what matches no engine may still be the user's own script.</summary>
    internal bool IsGuess { get; }

    /// <summary>What is wrong with an entry, and its cure; null where it is <c>pid:N</c>, <c>cgroup:TEXT</c> or a part of a command.</summary>
    public static string? ProblemOf(string entry)
    {
        if (entry.StartsWith(PidPrefix, StringComparison.Ordinal))
        {
            return PidOf(entry) is > 0 ? null : $"has no process number behind {PidPrefix}: write {PidPrefix}1234";
        }

        var text = entry.StartsWith(CgroupPrefix, StringComparison.Ordinal) ? entry[CgroupPrefix.Length..] : entry;
        return string.IsNullOrWhiteSpace(text) ? "matches everything: write a part of the command, cgroup:NAME or pid:NUMBER" : null;
    }

    /// <summary>Whether each living process is the engine's.</summary>
    /// <param name="find">The kernel's facts by number; null where there are none.</param>
    internal IReadOnlySet<int> Among(IEnumerable<GpuProcess> processes, Func<int, ProcessFacts?> find)
    {
        var all = processes.ToList();
        var named = all.Where(process => IsNamed(process.Pid, process.Name, find(process.Pid))).Select(process => process.Pid).ToHashSet();
        var homes = named.Select(pid => find(pid)?.Cgroup ?? "").Where(IsOneService).ToHashSet(StringComparer.Ordinal);
        var own = new HashSet<int>(named);
        foreach (var pid in all.Select(process => process.Pid))
        {
            if (find(pid) is { } facts && (homes.Contains(facts.Cgroup) || Ancestors(pid, find).Any(ancestor => named.Contains(ancestor.Pid) || IsNamed(ancestor.Pid, "", ancestor.Facts))))
            {
                own.Add(pid);
            }
        }

        return own;
    }

    private bool IsNamed(int pid, string name, ProcessFacts? facts) => _entries.Any(entry =>
        entry.StartsWith(PidPrefix, StringComparison.Ordinal) ? PidOf(entry) == pid
        : entry.StartsWith(CgroupPrefix, StringComparison.Ordinal) ? facts?.Cgroup.Contains(entry[CgroupPrefix.Length..], StringComparison.OrdinalIgnoreCase) ?? false
        : name.Contains(entry, StringComparison.OrdinalIgnoreCase) || (facts?.Command.Contains(entry, StringComparison.OrdinalIgnoreCase) ?? false));

    // Workers that an engine forks have names of their own. The kernel's tree has no cycles, but it changes while it is read.
    private static IEnumerable<(int Pid, ProcessFacts Facts)> Ancestors(int pid, Func<int, ProcessFacts?> find)
    {
        var facts = find(pid);
        for (var depth = 0; depth < 32 && facts is { Parent: > 1 }; depth++)
        {
            var parent = facts.Parent;
            if (find(parent) is not { } found)
            {
                yield break;
            }

            yield return (parent, found);
            facts = found;
        }
    }

    // A login session or a user's whole desktop is no service: everything that somebody starts is in it.
    private static bool IsOneService(string cgroup)
    {
        var last = cgroup[(cgroup.LastIndexOf('/') + 1)..];
        return (last.EndsWith(".service", StringComparison.Ordinal) && !last.StartsWith("user@", StringComparison.Ordinal))
            || ContainerMarks.Any(mark => cgroup.Contains(mark, StringComparison.OrdinalIgnoreCase));
    }

    private static int? PidOf(string entry) =>
        int.TryParse(entry.AsSpan(PidPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : null;
}
