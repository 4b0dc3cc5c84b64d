using System.Globalization;
using System.Text.RegularExpressions;

namespace FleetVibe.Agent.Sources.Kernel;

/// <summary>A process that the kernel killed for want of memory, as one line of its log says (mm/oom_kill.c, __oom_kill_process).</summary>
/// <param name="Command">Its first 15 bytes.</param>
/// <param name="ResidentBytes">Anonymous memory that it held; null where the line does not say.</param>
/// <param name="IsOfCgroup">A limit of its cgroup, not of the machine, was reached.</param>
internal readonly partial record struct OomKill(int Process, string Command, long? ResidentBytes, bool IsOfCgroup)
{
    // How the processes of engines, and of the scripts that serve models, call themselves.
    private static readonly string[] Engines =
        ["vllm", "sglang", "text-generation", "text-embeddings", "tritonserver", "trtllm", "llama-", "ollama", "lmdeploy", "litellm", "local-ai", "ray::", "python", "uvicorn", "gunicorn"];

    /// <summary>May be a model server: every Python program may.</summary>
    public bool IsOfEngine
    {
        get
        {
            var command = Command;
            return Engines.Any(engine => command.StartsWith(engine, StringComparison.OrdinalIgnoreCase));
        }
    }

    /// <summary>Null where the message is another; with or without what a syslog daemon puts before it.</summary>
    public static OomKill? In(string message)
    {
        var match = Killed().Match(message);
        return match.Success && int.TryParse(match.Groups["pid"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var process)
            ? new OomKill(
                process,
                match.Groups["command"].Value,
                long.TryParse(match.Groups["rss"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var kibibytes) && kibibytes < long.MaxValue / 1024 ? kibibytes * 1024 : null,
                match.Groups["cgroup"].Success)
            : null;
    }

    public static IReadOnlyList<SourceEvent> EventsOf(IEnumerable<KernelRecord> records) =>
        [.. records.Select(record => In(record.Text)?.ToEvent(record.At)).OfType<SourceEvent>()];

    public SourceEvent ToEvent(DateTimeOffset at)
    {
        var held = ResidentBytes is { } bytes ? string.Create(CultureInfo.InvariantCulture, $", which held {bytes / 1073741824.0:0.0} GiB") : "";
        var why = IsOfCgroup ? "the memory limit of its cgroup was reached" : "the machine has no memory left";
        return new SourceEvent("oom_kill", IsOfEngine ? EventSeverity.Error : EventSeverity.Warning, $"the kernel killed {Command} (process {Process}){held}: {why}", at);
    }

    [GeneratedRegex(@"(^|[\] :])((?<cgroup>Memory cgroup out)|Out) of memory( \(oom_kill_allocating_task\))?: Kill(ed)? process (?<pid>[0-9]{1,10}),? \((?<command>[^)]*)\)(.*anon-rss:(?<rss>[0-9]{1,15})kB)?", RegexOptions.ExplicitCapture)]
    private static partial Regex Killed();
}
