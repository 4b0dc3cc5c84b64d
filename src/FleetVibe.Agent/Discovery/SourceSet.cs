using FleetVibe.Agent.Sources;

namespace FleetVibe.Agent.Discovery;

/// <summary>The configured sources and the found ones together. Pure.</summary>
internal static class SourceSet
{
    /// <summary>The configured ones first; of two that would read the same page, or have one key, the first is taken.</summary>
    /// <param name="found">By discovery, in the order of the configuration.</param>
    /// <returns>The sources, and a line for each that was left out.</returns>
    internal static (IReadOnlyList<SourceSettings> Sources, IReadOnlyList<string> Clashes) Merge(
        IReadOnlyList<SourceSettings> configured, IEnumerable<(string Discovery, IReadOnlyList<SourceSettings> Sources)> found)
    {
        var sources = configured.ToList();
        var keys = configured.Select(source => source.Key).ToHashSet(StringComparer.Ordinal);
        var pages = configured.OfType<HttpSourceSettings>().Where(source => source.Counts != false).GroupBy(source => source.Endpoint)
            .ToDictionary(same => same.Key, same => same.First().Key);
        var clashes = new List<string>();
        foreach (var (discovery, source) in found.SelectMany(entry => entry.Sources.Select(source => (entry.Discovery, source))))
        {
            var page = (source as HttpSourceSettings)?.Endpoint;
            if (!keys.Add(source.Key))
            {
                clashes.Add($"{discovery} found {source.Key}, which is read already: give the target another name, or take one of the two out");
            }
            else if (page is not null && source.Counts != false && !pages.TryAdd(page, source.Key))
            {
                keys.Remove(source.Key);
                clashes.Add($"{discovery} found {source.Key}, whose page {pages[page]} reads already: two would count each request twice");
            }
            else
            {
                sources.Add(source);
            }
        }

        return (sources, clashes);
    }
}
