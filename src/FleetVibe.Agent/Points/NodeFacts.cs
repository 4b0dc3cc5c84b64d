using FleetVibe.Agent.Sources;

namespace FleetVibe.Agent.Points;

/// <summary>What an agent's points tell beyond its settings and its spool. Counts are since the agent's start.</summary>
internal sealed record NodeFacts
{
    /// <summary>Sources that are no longer read, whose windows may be closed yet.</summary>
    internal IReadOnlyList<SourceSettings> Retired { get; init; } = [];

    /// <summary>Configurations that came into force after the first.</summary>
    internal long Reloads { get; init; }

    /// <summary>Configurations that were refused while the one before stayed in force.</summary>
    internal long ReloadsFailed { get; init; }

    /// <summary>Looks of the discovery that failed, so that what was found before stays.</summary>
    internal long DiscoveryFailures { get; init; }
}
