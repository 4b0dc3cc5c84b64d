namespace FleetVibe.Agent.Sources.Engines;

/// <summary>The engines whose pages are understood, for configuration and checks.</summary>
public static class EngineKinds
{
    /// <summary>Kind, and the product's own name, of each.</summary>
    public static IReadOnlyList<(string Kind, string Product)> All { get; } = [.. EngineTables.All.Select(table => (table.Kind, table.Product))];

    /// <summary>Whether the pages can name the model; where not, the configuration must.</summary>
    public static bool NamesModel(EngineSourceSettings settings) =>
        settings.Engine == EngineSourceSettings.Auto || EngineTables.For(settings) is ({ ModelLabels.Count: > 0 } or { Beside.Count: > 0 });

    internal static SourceRank RankOf(string engine) =>
        EngineTables.All.FirstOrDefault(table => table.Kind == engine)?.Rank ?? SourceRank.Engine;

    /// <summary>Whether its page can count requests. One whose engine is not known yet can.</summary>
    internal static bool HasRequests(EngineSourceSettings settings) =>
        settings.Engine == EngineSourceSettings.Auto || EngineTables.For(settings).Routes[Figure.Requests].Length > 0;

    /// <summary>Whether it can have a time to first token. One whose engine is not known yet can.</summary>
    internal static bool HasTtft(EngineSourceSettings settings) =>
        settings.Engine switch
        {
            EngineSourceSettings.Auto => true,
            EngineSourceSettings.Generic => settings.Families.ContainsKey("ttft"),
            var engine => EngineTables.Of(engine).HasTtft,
        };
}
