using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Hosting;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace FleetVibe.Aggregator.Membership;

/// <summary>
/// Ready while this member is up, reaches a majority and its region answers. A missing coordinator does not count:
/// every member would be unready at once.
/// </summary>
internal sealed class AggregatorReadiness(ClusterView cluster, IActorRegistry registry) : IHealthCheck
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(2);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (!cluster.IsUp)
        {
            return HealthCheckResult.Unhealthy("this member is not up in the cluster");
        }

        if (!cluster.HasMajority)
        {
            return HealthCheckResult.Unhealthy($"only {cluster.MembersReachable} of {cluster.MembersUp} members can be reached");
        }

        try
        {
            if (!registry.TryGet<SeriesRegion>(out var region))
            {
                return HealthCheckResult.Unhealthy("the shard region is not started");
            }

            await region.Ask<CurrentShardRegionState>(GetShardRegionState.Instance, AnswerWithin, cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception e) when (e is AskTimeoutException or TaskCanceledException or TimeoutException)
        {
            return HealthCheckResult.Unhealthy("the shard region does not answer");
        }
    }
}
