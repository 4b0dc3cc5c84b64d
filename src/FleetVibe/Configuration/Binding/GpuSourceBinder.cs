using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.Kernel;
using FleetVibe.Configuration.Values;

namespace FleetVibe.Configuration.Binding;

/// <summary>The keys of sources that read GPUs.</summary>
internal static class GpuSourceBinder
{
    public static T Tool<T>(T source, SectionValues section)
        where T : GpuSourceSettings => (T)(source with
        {
            Command = section.Find<string>("command") ?? source.Command,
            SampleInterval = section.Find<object>("sample_interval") as TimeSpan? ?? source.SampleInterval,
        });

    public static T Nvidia<T>(T source, SectionValues section, Findings findings)
        where T : NvidiaSourceSettings
    {
        var own = section.List<string>("own_processes");
        foreach (var entry in own)
        {
            if (OwnProcesses.ProblemOf(entry) is { } problem)
            {
                findings.Error(section.OriginOf("own_processes"), $"own_processes holds \"{entry}\", which {problem}");
            }
        }

        return (T)(Tool(source, section) with { OwnProcesses = own, KernelLog = section.Find<string>("kernel_log")! });
    }

    public static KernelSourceSettings Kernel(KernelSourceSettings source, SectionValues section, Findings findings)
    {
        var log = section.Find<string>("kernel_log")!;
        if (log.Length == 0)
        {
            findings.Error(section.OriginOf("kernel_log"), "kernel_log = \"off\" leaves this source nothing to read: take the source out");
        }

        return source with { KernelLog = log };
    }

    /// <summary>A kill for want of memory is told by one source: the kernel's, else the first of NVIDIA's that reads the log.</summary>
    public static IReadOnlyList<SourceSettings> TellOomKillsOnce(IReadOnlyList<SourceSettings> sources)
    {
        var teller = sources.FirstOrDefault(source => source is KernelSourceSettings)
            ?? sources.FirstOrDefault(source => source is NvidiaSourceSettings { KernelLog.Length: > 0 });
        return [.. sources.Select(source => source is NvidiaSourceSettings nvidia ? nvidia with { TellsOomKills = ReferenceEquals(nvidia, teller) } : source)];
    }
}
