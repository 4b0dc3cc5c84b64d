using FleetVibe.Agent.Discovery;
using FleetVibe.Configuration;

namespace FleetVibe.Verbs.Check;

/// <summary>What the discoveries of a configuration find at this moment.</summary>
internal sealed record FoundSources(FleetVibeSettings Settings, IReadOnlyList<DiscoveryLook> Looks, IReadOnlyList<string> Clashes)
{
    /// <param name="everywhere">Also asks what is not on this machine.</param>
    public static async Task<FoundSources> LookAsync(FleetVibeSettings settings, bool everywhere, TimeProvider time, CancellationToken cancellation)
    {
        if (settings.Agent is not { Discoveries.Count: > 0 } agent)
        {
            return new FoundSources(settings, [], []);
        }

        var asked = agent.Discoveries.Where(discovery => everywhere || discovery is FileDiscoverySettings);
        var looks = await Task.WhenAll(asked.Select(discovery => DiscoveryProbe.LookAsync(discovery, time, cancellation)));
        var (found, clashes) = DiscoveryProbe.WithFound(agent, looks);
        return new FoundSources(settings with { Agent = found }, looks, clashes);
    }

    public void Write(TextWriter output)
    {
        var agent = Settings.Agent;
        if (agent is null || agent.Discoveries.Count == 0)
        {
            return;
        }

        TextTable.Write(
            output,
            ["discovery:", "finds now:", "problem:"],
            agent.Discoveries.Select(discovery => Looks.FirstOrDefault(look => look.Discovery == discovery) is { } look
                ? new[] { discovery.Key, Text(look), look.Problem }
                : [discovery.Key, "(looked at with --probe)", ""]));
        foreach (var line in Looks.SelectMany(look => look.LeftOut).Concat(Clashes))
        {
            output.WriteLine($"left out: {line}");
        }
    }

    /// <summary>The looks as probes.</summary>
    public IEnumerable<ProbeResult> Results => Looks.Select(look => new ProbeResult(
        look.Discovery.Kind, look.Discovery.Place, look.Problem.Length == 0, look.Problem.Length == 0 ? $"finds {Text(look)}" : look.Problem)
    {
        Warnings = [.. look.LeftOut],
    });

    private static string Text(DiscoveryLook look) => look.Sources.Count == 0
        ? "nothing"
        : $"{look.Sources.Count} {(look.Sources.Count == 1 ? "source" : "sources")}: {string.Join(", ", look.Sources.Select(source => source.Key))}";
}
