using FleetVibe.Agent.Discovery.Files;
using FleetVibe.Agent.Discovery.Http;
using FleetVibe.Agent.Discovery.Pods;

namespace FleetVibe.Agent.Discovery;

/// <summary>Which finder looks for which kind of discovery.</summary>
internal static class Finders
{
    internal static FinderFactory Factory { get; } = (settings, time) => settings switch
    {
        FileDiscoverySettings files => new PolledFinder(new FileFinder(files).LookAsync, files.Refresh, time),
        HttpDiscoverySettings http => OverHttp(new HttpFinder(http, time), http.Refresh, time),
        KubernetesDiscoverySettings kubernetes => new PodFinder(kubernetes, time),
        _ => throw new NotSupportedException($"no discovery of kind {settings.Kind}"),
    };

    private static PolledFinder OverHttp(HttpFinder finder, TimeSpan every, TimeProvider time) => new(finder.LookAsync, every, time, finder);
}
