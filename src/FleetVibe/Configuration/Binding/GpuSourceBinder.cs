using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Gpus;
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
}
