using Akka.Actor;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Sources.Exec;

/// <summary>The source actor of a command, and who reads what it prints.</summary>
internal static class ExecSource
{
    internal static Props CreateProps(ExecSourceSettings settings, IActorRef accumulator, TimeProvider time) =>
        PolledSourceActor.CreateProps(settings.Key, AdapterOf(settings), () => new ExecClient(settings, time), accumulator, time);

    internal static IPolledAdapter AdapterOf(ExecSourceSettings settings) => settings.Output switch
    {
        ExecOutput.Json => new ExecLinesAdapter(settings),
        ExecOutput.Prometheus => EngineSource.AdapterOf(settings.Page),
        ExecOutput.LineProtocol => new ExecPointsAdapter(settings),
        _ => throw new ArgumentOutOfRangeException(nameof(settings), settings.Output, null),
    };
}
