using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Dcgm;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Exec;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.JsonLog;
using FleetVibe.Agent.Sources.Kernel;
using FleetVibe.Agent.Sources.NvidiaSmi;
using FleetVibe.Agent.Sources.Nvml;
using FleetVibe.Agent.Sources.Push;
using FleetVibe.Agent.Sources.VibeThinker;

namespace FleetVibe.Agent;

/// <summary>Which actor reads which kind of source.</summary>
internal static class SourceProps
{
    /// <param name="nvml">The one thread that calls NVML.</param>
    internal static SourceFactory CreateFactory(NvmlThread nvml) => (settings, accumulator, time) => settings switch
    {
        JsonLogSourceSettings log => JsonLogActor.CreateProps(log, accumulator, time),
        EngineSourceSettings engine => EngineSource.CreateProps(engine, accumulator, time),
        VibeThinkerSourceSettings summary => VibeThinkerSource.CreateProps(summary, accumulator, time),
        DcgmSourceSettings dcgm => DcgmSource.CreateProps(dcgm, accumulator, time),
        NvmlSourceSettings gpus => NvmlActor.CreateProps(
            gpus, accumulator, time, nvml, NativeNvml.Load, () => GpuWatch.Create(gpus), () => NvidiaSmiSource.CreateProps(gpus, accumulator, time)),
        NvidiaSmiSourceSettings gpus => NvidiaSmiSource.CreateProps(gpus, accumulator, time),
        GpuToolSourceSettings gpus => GpuToolActor.CreateProps(gpus, () => GpuTools.Create(gpus), accumulator, time, new ToolProcess(time)),
        KernelSourceSettings kernel => KernelActor.CreateProps(kernel, () => new KernelLog(kernel.KernelLog), accumulator, time),
        ExecSourceSettings command => ExecSource.CreateProps(command, accumulator, time),
        PushSourceSettings push => PushSourceActor.CreateProps(push, accumulator, time),
        _ => throw new NotSupportedException($"no source of kind {settings.Kind}"),
    };
}
