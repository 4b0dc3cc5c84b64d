using System.Runtime.CompilerServices;

namespace FleetVibe.Agent.Discovery;

/// <summary>Looks again and again.</summary>
internal sealed class PolledFinder(Func<CancellationToken, Task<DiscoveryOutcome>> look, TimeSpan every, TimeProvider time) : ITargetFinder
{
    public async IAsyncEnumerable<DiscoveryOutcome> WatchAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        while (true)
        {
            yield return await look(cancellation);
            await Task.Delay(every, time, cancellation);
        }
    }
}
