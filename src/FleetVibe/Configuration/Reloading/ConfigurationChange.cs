using FleetVibe.Agent.Changing;
using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Configuration.Values;

namespace FleetVibe.Configuration.Reloading;

/// <summary>What differs between the configuration in force and another. Pure.</summary>
internal static class ConfigurationChange
{
    /// <summary>What only a restart would bring into force, with its place.</summary>
    public static IReadOnlyList<Finding> NeedingRestart(LoadedConfiguration inForce, LoadedConfiguration other)
    {
        var before = Fixed(inForce);
        var after = Fixed(other);
        var findings = new List<Finding>();
        foreach (var (path, section) in after)
        {
            if (!before.TryGetValue(path, out var old))
            {
                findings.Add(new Finding(section.Origin, false, $"{section.Header} is new: it needs a restart"));
                continue;
            }

            findings.AddRange(section.Spec.Keys
                .Where(key => !key.Reloads && !SettingsEquality.Same(old.Get(key.Name)?.Value, section.Get(key.Name)?.Value))
                .Select(key => new Finding(
                    section.OriginOf(key.Name), false, $"{key.Name} of {section.Header} changed{Was(old.Get(key.Name))}: it needs a restart, until then the old value stays")));
        }

        if (!SettingsEquality.Same(Proxies(inForce), Proxies(other)))
        {
            findings.Add(new Finding(FirstProxy(other) ?? FirstProxy(inForce)!.Value, false, "sources of kind proxy changed: they hold their ports until a restart"));
        }

        findings.AddRange(before.Where(old => !after.ContainsKey(old.Key))
            .Select(old => new Finding(old.Value.Origin, false, $"{old.Value.Header} is gone: until a restart its role goes on")));
        return findings;
    }

    /// <summary>Whether anything differs that a reload brings into force.</summary>
    public static bool Reloads(FleetVibeSettings inForce, FleetVibeSettings other) =>
        // Proxies that stay come first in what is reloaded, wherever the file has them.
        inForce.Agent is { } before && other.Agent is { } after && !SettingsEquality.Same(before.Reloaded(before), before.Reloaded(after));

    private static List<ProxySourceSettings> Proxies(LoadedConfiguration configuration) =>
        configuration.Settings?.Agent?.Sources.OfType<ProxySourceSettings>().ToList() ?? [];

    private static Origin? FirstProxy(LoadedConfiguration configuration) =>
        configuration.Sections.FirstOrDefault(section => section.Path == "agent.sources" && section.Find<string>("kind") == Schema.SourceSchema.Proxy)?.Origin;

    private static Dictionary<string, SectionValues> Fixed(LoadedConfiguration configuration) =>
        configuration.Sections.Where(section => !section.Spec.IsList && !IsInList(section.Path)).ToDictionary(section => section.Path, StringComparer.Ordinal);

    // The sections within a list reload with it.
    private static bool IsInList(string path) =>
        Schema.ConfigurationSchema.Root.Walk().Any(section => section.Section.IsList && path.StartsWith(section.Path + ".", StringComparison.Ordinal));

    private static string Was(KeyValue? old) =>
        old is null || old.Key.Type.IsSecret ? "" : $" (in force: {old.Key.Type.Show(old.Value)})";
}
