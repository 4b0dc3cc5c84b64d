using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace FleetVibe.Composition;

/// <summary>Agents of the same process connect once their aggregator takes them, so that their first try is no failure.</summary>
internal static class AggregatorStart
{
    // Its cluster may need members that are not there yet: then the agent waits with its spool instead.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);

    public static async Task UntilReadyAsync(IHost aggregator, CancellationToken cancellationToken)
    {
        var time = aggregator.Services.GetRequiredService<TimeProvider>();
        var health = aggregator.Services.GetRequiredService<HealthCheckService>();
        var limit = time.GetUtcNow() + Patience;
        while (time.GetUtcNow() < limit && (await health.CheckHealthAsync(cancellationToken)).Status != HealthStatus.Healthy)
        {
            await Task.Delay(LookEvery, time, cancellationToken);
        }
    }
}
