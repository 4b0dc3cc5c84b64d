using FleetVibe.Chaos.Fleet;

namespace FleetVibe.Chaos.Failover;

/// <summary>How a member ends.</summary>
internal enum EndMode
{
    /// <summary>Not at all: what a window waits for anyhow.</summary>
    Peace,

    /// <summary>SIGKILL; nothing restarts it before the measurement is over.</summary>
    Kill,

    /// <summary>SIGKILL; a supervisor starts it again after a second.</summary>
    KillRestart,

    /// <summary>SIGTERM; it hands its entities over.</summary>
    Term,
}

/// <summary>One measurement.</summary>
/// <param name="Seed">Decides the moments of the kills within their windows.</param>
/// <param name="Kills">How many, each of another member in turn.</param>
/// <param name="Modes">In this order.</param>
/// <param name="Agents">Each with a series of its own.</param>
/// <param name="Into">The page whose table is written; null prints it.</param>
internal sealed record FailoverSettings(int Seed, int Kills, IReadOnlyList<EndMode> Modes, int Agents, string? Into, Binary Binary);

/// <summary>What one kill cost.</summary>
/// <param name="Victim">The member.</param>
/// <param name="Worst">
/// Over all series: how long after its end the first window that ended after the kill was committed, with what its node had reported.
/// </param>
internal sealed record FailoverTime(EndMode Mode, string Victim, TimeSpan Worst);
