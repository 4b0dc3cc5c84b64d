using Akka.Actor;
using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Sources.Vllm;

/// <summary>The source actor of a vLLM server.</summary>
internal static class VllmSource
{
    internal static Props CreateProps(
        VllmSourceSettings settings, IActorRef accumulator, TimeProvider time, SourceClientFactory? createClient = null) =>
        PolledSourceActor.CreateProps(settings, new VllmAdapter(settings), accumulator, time, createClient);
}
