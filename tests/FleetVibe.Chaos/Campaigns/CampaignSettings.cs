using FleetVibe.Chaos.Fleet;
using FleetVibe.Chaos.Schedule;

namespace FleetVibe.Chaos.Campaigns;

/// <summary>What a campaign is.</summary>
/// <param name="Faults">How many; 0 means a run in peace.</param>
/// <param name="Gateways">One on SQLite, or several on one PostgreSQL.</param>
/// <param name="Kinds">Which may come.</param>
/// <param name="Pace">Mean time between two.</param>
/// <param name="IsFolderKept">Whether the run's folder stays after a good verdict too.</param>
internal sealed record CampaignSettings(
    int Seed, int Faults, int Nodes, int Gateways, IReadOnlyList<FaultKind> Kinds, TimeSpan Pace, Binary Binary, string? Report, bool IsFolderKept);

/// <summary>The campaign could not be held; the message says why.</summary>
internal sealed class CampaignFailedException(string message) : Exception(message);
