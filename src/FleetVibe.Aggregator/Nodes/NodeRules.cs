namespace FleetVibe.Aggregator.Nodes;

/// <summary>Times that decide who may report as a node, and when it counts as gone.</summary>
internal sealed record NodeRules
{
    public TimeSpan SessionTakeover { get; init; } = TimeSpan.FromSeconds(15);

    public TimeSpan Unreachable { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A lease is renewed this often at the most.</summary>
    public TimeSpan RenewEvery => SessionTakeover / 3;

    public static NodeRules From(AggregatorSettings settings) => new()
    {
        SessionTakeover = settings.SessionTakeover,
        Unreachable = settings.Unreachable,
    };
}
