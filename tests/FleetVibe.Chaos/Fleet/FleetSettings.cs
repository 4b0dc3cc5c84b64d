using System.Globalization;

namespace FleetVibe.Chaos.Fleet;

/// <summary>What a fleet consists of.</summary>
/// <param name="Folder">Of the run, absolute: configuration, data, logs.</param>
/// <param name="Agents">At least 1.</param>
/// <param name="Gateways">One keeps its commit log in SQLite; several share one in PostgreSQL.</param>
/// <param name="HasWrongClock">Whether one node lives an hour off.</param>
internal sealed record FleetSettings(int Seed, string Folder, Binary Binary, int Agents, int Gateways, bool HasWrongClock)
{
    public const string Telegraf = "telegraf";
    public const string Postgres = "postgres";
    public const string EngineModel = "deepseek-r1-1.5b";
    public const int AgentsOnSmallDisks = 2;
    private const int Aggregators = 3;

    public static IReadOnlyList<string> Models { get; } = ["vibethinker-1.5b", "qwen3-4b", "phi-4-mini"];

    public static TimeSpan ClockOffset { get; } = TimeSpan.FromHours(1);

    /// <summary>Nodes that have an engine's page and no log.</summary>
    public int EngineNodes => Agents >= 5 ? 2 : 0;

    public IReadOnlyList<string> AggregatorNames { get; } = [.. Enumerable.Range(1, Aggregators).Select(i => $"agg-{i}")];

    public IReadOnlyList<string> GatewayNames { get; } = [.. Enumerable.Range(1, Gateways).Select(i => $"gw-{i}")];

    public bool HasSharedStore => Gateways > 1;

    public IReadOnlyList<string> AgentNames { get; } = [.. Enumerable.Range(1, Agents).Select(i => string.Create(CultureInfo.InvariantCulture, $"agent-{i:00}"))];

    public string? ClockIsOff => HasWrongClock ? AgentNames[^1] : null;

    public string Sub(string name) => Directory.CreateDirectory(Path.Combine(Folder, name)).FullName;
}
