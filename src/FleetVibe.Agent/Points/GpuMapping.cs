using System.Globalization;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool.V1;

namespace FleetVibe.Agent.Points;

/// <summary>Which GPUs serve a source's model.</summary>
internal static class GpuMapping
{
    /// <summary>Those that the source's <c>gpu</c> names by index or UUID; all where it names none.</summary>
    internal static IEnumerable<StoredGpu> Of(SourceSettings? source, IReadOnlyList<StoredGpu> gpus) =>
        source?.Gpus is { Count: > 0 } wanted ? gpus.Where(gpu => wanted.Any(name => IsNamed(gpu, name))) : gpus;

    private static bool IsNamed(StoredGpu gpu, string name) =>
        string.Equals(gpu.Gpu, name, StringComparison.OrdinalIgnoreCase) || gpu.Index.ToString(CultureInfo.InvariantCulture) == name;
}
