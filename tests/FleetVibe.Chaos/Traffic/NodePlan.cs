namespace FleetVibe.Chaos.Traffic;

/// <summary>One node whose request log is written.</summary>
/// <param name="Name">The node's name.</param>
/// <param name="Model">The model that it serves.</param>
/// <param name="LogPath">Its request log; created empty, so that an agent can have seen it before the first line.</param>
/// <param name="ClockOffset">The node's clock minus the true time; the log's timestamps are of the node's clock.</param>
public sealed record NodePlan(string Name, string Model, string LogPath, TimeSpan ClockOffset);
