using Akka.Actor;
using FleetVibe.Aggregator.Gateways;

namespace FleetVibe.Aggregator.Sessions;

/// <summary>What every session of a member works with.</summary>
/// <param name="Settings">Of this member.</param>
/// <param name="Nodes">The shard region of the node entities.</param>
/// <param name="Series">The shard region of the series entities.</param>
/// <param name="Gateway">Takes points and refusals.</param>
/// <param name="Time">The one clock.</param>
/// <param name="HasMajority">Whether this member reaches most of its cluster.</param>
internal sealed record SessionContext(
    AggregatorSettings Settings, IActorRef Nodes, IActorRef Series, IGateway Gateway, TimeProvider Time, Func<bool> HasMajority);
