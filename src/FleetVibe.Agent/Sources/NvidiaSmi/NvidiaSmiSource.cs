using Akka.Actor;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.NvidiaSmi;

/// <summary>The source actor of nvidia-smi.</summary>
internal static class NvidiaSmiSource
{
    internal static Props CreateProps(NvidiaSourceSettings settings, IActorRef accumulator, TimeProvider time) => GpuToolActor.CreateProps(
        settings, () => new NvidiaSmiTool(settings), accumulator, time, new ToolProcess(time), new ToolProcess(time), () => GpuWatch.Create(settings));
}
