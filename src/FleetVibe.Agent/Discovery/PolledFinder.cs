using System.Runtime.CompilerServices;

namespace FleetVibe.Agent.Discovery;

/// <summary>Looks again and again.</summary>
/// <param name="looker">Released when nobody watches any more.</param>
internal sealed class PolledFinder(Func<CancellationToken, Task<DiscoveryOutcome>> look, TimeSpan every, TimeProvider time, IDisposable? looker = null) : ITargetFinder
{
    public async IAsyncEnumerable<DiscoveryOutcome> WatchAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        using (looker)
        {
            while (true)
            {
                yield return await look(cancellation);
                await Task.Delay(every, time, cancellation);
            }
        }
    }
}
