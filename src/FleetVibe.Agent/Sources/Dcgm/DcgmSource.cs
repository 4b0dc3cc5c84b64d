using Akka.Actor;
using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Sources.Dcgm;

/// <summary>The source actor of a DCGM exporter.</summary>
internal static class DcgmSource
{
    internal static Props CreateProps(
        DcgmSourceSettings settings, IActorRef accumulator, TimeProvider time, SourceClientFactory? createClient = null) =>
        PolledSourceActor.CreateProps(settings, new DcgmAdapter(settings), accumulator, time, createClient);
}
