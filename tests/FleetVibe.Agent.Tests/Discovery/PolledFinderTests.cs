using FleetVibe.Agent.Discovery;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Agent.Tests.Discovery;

public class PolledFinderTests
{
    [Fact]
    public async Task It_looks_at_once_and_then_each_time_that_the_time_has_passed()
    {
        var (time, looks) = (new FakeTimeProvider(), 0);
        using var looker = new CancellationTokenSource();
        var finder = new PolledFinder(_ => Task.FromResult(DiscoveryOutcome.Failed($"{++looks}")), TimeSpan.FromSeconds(5), time, looker);
        await using (var outcomes = finder.WatchAsync(default).GetAsyncEnumerator())
        {
            Assert.True(await outcomes.MoveNextAsync());
            var next = outcomes.MoveNextAsync();
            time.Advance(TimeSpan.FromSeconds(4.9));
            Assert.Equal((false, 1), (next.IsCompleted, looks));
            time.Advance(TimeSpan.FromSeconds(0.1));

            Assert.True(await next);
            Assert.Equal("2", outcomes.Current.Problem);
        }

        Assert.Throws<ObjectDisposedException>(() => looker.Token);
    }
}
