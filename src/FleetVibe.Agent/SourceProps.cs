using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Dcgm;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Exec;
using FleetVibe.Agent.Sources.JsonLog;
using FleetVibe.Agent.Sources.NvidiaSmi;
using FleetVibe.Agent.Sources.Push;
using FleetVibe.Agent.Sources.VibeThinker;

namespace FleetVibe.Agent;

/// <summary>Which actor reads which kind of source.</summary>
internal static class SourceProps
{
    internal static SourceFactory Factory { get; } = (settings, accumulator, time) => settings switch
    {
        JsonLogSourceSettings log => JsonLogActor.CreateProps(log, accumulator, time),
        EngineSourceSettings engine => EngineSource.CreateProps(engine, accumulator, time),
        VibeThinkerSourceSettings summary => VibeThinkerSource.CreateProps(summary, accumulator, time),
        DcgmSourceSettings dcgm => DcgmSource.CreateProps(dcgm, accumulator, time),
        NvidiaSmiSourceSettings gpus => NvidiaSmiActor.CreateProps(gpus, accumulator, time),
        ExecSourceSettings command => ExecSource.CreateProps(command, accumulator, time),
        PushSourceSettings push => PushSourceActor.CreateProps(push, accumulator, time),
        _ => throw new NotSupportedException($"no source of kind {settings.Kind}"),
    };
}
