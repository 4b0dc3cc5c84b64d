using Akka.Actor;
using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>The source actor of an engine, its adapter, and its client.</summary>
internal static class EngineSource
{
    internal static Props CreateProps(
        EngineSourceSettings settings, IActorRef accumulator, TimeProvider time, SourceClientFactory? createClient = null) =>
        PolledSourceActor.CreateProps(settings, AdapterOf(settings), accumulator, time, ClientsOf(settings, createClient ?? SourceClient.Create));

    internal static IPolledAdapter AdapterOf(EngineSourceSettings settings) =>
        settings.Engine == EngineSourceSettings.Auto ? new AutoAdapter(settings) : new EngineAdapter(settings);

    // An engine with one page needs one client.
    private static SourceClientFactory ClientsOf(EngineSourceSettings settings, SourceClientFactory create) =>
        settings.Engine != EngineSourceSettings.Auto && EngineTables.For(settings).Beside.Count == 0
            ? create
            : (_, wanted, time) => new EngineClient(settings, wanted, create, time);
}
