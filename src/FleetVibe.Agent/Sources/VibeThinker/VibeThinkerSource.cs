using Akka.Actor;
using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Sources.VibeThinker;

/// <summary>The source actor of a VibeThinker script's JSON summary.</summary>
internal static class VibeThinkerSource
{
    internal static Props CreateProps(
        VibeThinkerSourceSettings settings, IActorRef accumulator, TimeProvider time, SourceClientFactory? createClient = null) =>
        PolledSourceActor.CreateProps(settings, new VibeThinkerAdapter(settings), accumulator, time, createClient);
}
