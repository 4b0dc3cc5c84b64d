namespace FleetVibe.Agent.Discovery;

/// <summary>One target as a discovery found it.</summary>
/// <param name="Address">host:port, or a host alone; never a URL.</param>
/// <param name="Labels">Its own and its group's; names that begin with two underscores are about the look-up.</param>
internal sealed record DiscoveredTarget(string Address, IReadOnlyDictionary<string, string> Labels);

/// <summary>What one look found.</summary>
/// <param name="Targets">All that there are now; null where nothing is known, so that what was found before stays.</param>
/// <param name="Problem">What could not be read, with place and cure; empty where all went well.</param>
internal sealed record DiscoveryOutcome(IReadOnlyList<DiscoveredTarget>? Targets, string Problem)
{
    internal static DiscoveryOutcome Found(IReadOnlyList<DiscoveredTarget> targets) => new(targets, "");

    internal static DiscoveryOutcome Failed(string problem) => new(null, problem);
}

/// <summary>Looks for targets for as long as it is asked to.</summary>
internal interface ITargetFinder
{
    /// <summary>An outcome at once, and another whenever something may have changed.</summary>
    IAsyncEnumerable<DiscoveryOutcome> WatchAsync(CancellationToken cancellation);
}
