using FleetVibe.Agent.Sources;

namespace FleetVibe.Agent;

/// <summary>Which actor reads which kind of source.</summary>
internal static class SourceProps
{
    internal static SourceFactory CreateFactory(IServiceProvider services) =>
        (settings, _, _) => throw new NotSupportedException($"no source of kind {settings.Kind}");
}
