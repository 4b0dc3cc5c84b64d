using Akka.Hosting;
using FleetVibe.Aggregator.Gateways;
using FleetVibe.Aggregator.Membership;

namespace FleetVibe.Aggregator.Sessions;

/// <summary>The shard regions come up with the cluster, so a session's context is there a moment after the start.</summary>
internal sealed class SessionContextSource(
    IActorRegistry registry, AggregatorSettings settings, IGateway gateway, TimeProvider time, ClusterView cluster)
{
    public async Task<SessionContext> Get(CancellationToken cancellation) => new(
        settings,
        await registry.GetAsync<NodeRegion>(cancellation),
        await registry.GetAsync<SeriesRegion>(cancellation),
        gateway,
        time,
        () => cluster.HasMajority);
}
