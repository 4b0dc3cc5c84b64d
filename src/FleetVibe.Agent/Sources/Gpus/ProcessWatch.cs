using System.Globalization;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>Use of one GPU by processes that are not the engine's.</summary>
/// <param name="MemoryBytes">Null where the driver says of none how much it holds.</param>
internal readonly record struct ForeignUse(long Processes, long? MemoryBytes);

/// <summary>
/// Tells the engine's processes from foreign ones and from dead ones, scan by scan. A process counts as dead or is told
/// of as foreign only when a second scan finds it so too: one may end between the driver's look and ours.
/// </summary>
internal sealed class ProcessWatch(OwnProcesses own, IProcessTable table)
{
    internal const string DeadKind = "gpu_dead_process";
    internal const string ForeignKind = "gpu_foreign_process";

    /// <summary>Less than this is a desktop or a monitor, and no event.</summary>
    private const long Notable = 256L << 20;

    private readonly Dictionary<string, ForeignUse> _use = new(StringComparer.Ordinal);
    private Dictionary<(string Gpu, int Pid), Suspect> _suspects = [];
    private DateTimeOffset? _scannedAt;

    /// <summary>How long a scan holds good.</summary>
    internal static TimeSpan Validity { get; } = TimeSpan.FromSeconds(35);

    /// <summary>Takes one scan of all processes on all GPUs.</summary>
    /// <param name="gpus">Those that were scanned, idle ones too.</param>
    internal IReadOnlyList<SourceEvent> Scan(IReadOnlyCollection<string> gpus, IReadOnlyList<GpuProcess> processes, DateTimeOffset at)
    {
        _scannedAt = at;
        _use.Clear();
        var seesHost = table.SeesHost;
        var cache = new Dictionary<int, ProcessFacts?>();
        var mine = own.Among(processes, Find);
        var events = new List<SourceEvent>();
        var next = new Dictionary<(string Gpu, int Pid), Suspect>();
        var knowsOwn = !own.IsGuess || mine.Count > 0;
        foreach (var gpu in gpus)
        {
            var foreign = new List<GpuProcess>();
            foreach (var process in processes.Where(process => process.Gpu == gpu))
            {
                var isDead = seesHost && Find(process.Pid) is null;
                if (mine.Contains(process.Pid) && !isDead)
                {
                    continue;
                }

                var earlier = _suspects.GetValueOrDefault((gpu, process.Pid));
                var isConfirmed = earlier is not null && earlier.IsDead == isDead;
                var suspect = new Suspect(isDead, isConfirmed && earlier!.IsTold);
                if (isDead && !isConfirmed)
                {
                    next[(gpu, process.Pid)] = suspect;
                    continue;
                }

                if (isDead || knowsOwn)
                {
                    foreign.Add(process);
                }

                if (isConfirmed && !suspect.IsTold && (isDead || (knowsOwn && process.MemoryBytes >= Notable)))
                {
                    suspect = suspect with { IsTold = true };
                    events.Add(Event(process, isDead, Find(process.Pid), at));
                }

                next[(gpu, process.Pid)] = suspect;
            }

            if (knowsOwn || foreign.Count > 0)
            {
                _use[gpu] = new ForeignUse(foreign.Count, foreign.Count > 0 && foreign.All(process => process.MemoryBytes is null) ? null : foreign.Sum(process => process.MemoryBytes ?? 0));
            }
        }

        _suspects = next;
        return events;

        ProcessFacts? Find(int pid)
        {
            if (!seesHost)
            {
                return null;
            }

            if (!cache.TryGetValue(pid, out var facts))
            {
                cache[pid] = facts = table.Find(pid);
            }

            return facts;
        }
    }

    /// <summary>The sample with what the last scan found; without it where that is too long ago or knows nothing.</summary>
    internal GpuSample Mark(GpuSample sample) =>
        _scannedAt is { } at && sample.At - at <= Validity && _use.TryGetValue(sample.Gpu, out var found)
            ? sample with { ForeignProcesses = found.Processes, ForeignMemoryBytes = found.MemoryBytes }
            : sample;

    private static SourceEvent Event(GpuProcess process, bool isDead, ProcessFacts? facts, DateTimeOffset at)
    {
        var memory = process.MemoryBytes is { } bytes ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.##} GiB") : "memory";
        var name = process.Name.Length > 0 ? process.Name : CommandOf(facts);
        var who = string.Create(CultureInfo.InvariantCulture, $"process {process.Pid}{(name.Length > 0 ? $" ({name})" : "")}");
        return isDead
            ? new SourceEvent(DeadKind, EventSeverity.Warning, $"{process.Gpu} still holds {memory} for {who}, which is gone: its memory comes back with a restart of what it belonged to, or a reset of the GPU", at)
            : new SourceEvent(ForeignKind, EventSeverity.Warning, $"{who} holds {memory} of {process.Gpu} and is not the engine's; name it in own_processes if it is", at);
    }

    // Arguments may hold secrets.
    private static string CommandOf(ProcessFacts? facts)
    {
        var command = facts?.Command ?? "";
        var end = command.IndexOf(' ', StringComparison.Ordinal);
        return end < 0 ? command : command[..end];
    }

    private sealed record Suspect(bool IsDead, bool IsTold);
}
