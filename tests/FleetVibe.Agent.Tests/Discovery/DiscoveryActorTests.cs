using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Sources;
using Microsoft.Extensions.Time.Testing;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;

namespace FleetVibe.Agent.Tests.Discovery;

public sealed class DiscoveryActorTests : TestKit
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly FileDiscoverySettings Discovery = new()
    {
        Files = ["/targets.json"], Source = new SourceTemplate(new VllmSourceSettings { Endpoint = new Uri("http://target/metrics") }),
    };

    private readonly FakeTimeProvider _time = new();
    private readonly List<Channel<DiscoveryOutcome>> _finders = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TestProbe _agent;

    public DiscoveryActorTests()
        : base("""akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit" """) => _agent = CreateTestProbe();

    private IActorRef Start() => _agent.ChildActorOf(DiscoveryActor.CreateProps(
        Discovery,
        (_, _) =>
        {
            var outcomes = Channel.CreateUnbounded<DiscoveryOutcome>();
            lock (_finders)
            {
                _finders.Add(outcomes);
            }

            return new ChannelFinder(outcomes.Reader, _ended);
        },
        _time));

    private async Task<ChannelWriter<DiscoveryOutcome>> FinderAsync(int number)
    {
        await AwaitConditionAsync(
            () =>
            {
                lock (_finders)
                {
                    return Task.FromResult(_finders.Count >= number);
                }
            },
            Patience);
        return _finders[number - 1].Writer;
    }

    private static DiscoveryOutcome Found(params string[] addresses) =>
        DiscoveryOutcome.Found([.. addresses.Select(address => new DiscoveredTarget(address, new Dictionary<string, string>()))]);

    private async Task<string[]> KeysAsync() => [.. (await _agent.ExpectMsgAsync<DiscoveryActor.TargetsFound>(Patience)).Sources.Select(source => source.Key)];

    [Fact]
    public async Task A_failure_is_told_once_and_stops_no_source()
    {
        Start();
        var finder = await FinderAsync(1);
        await finder.WriteAsync(Found("a:1", "x/y"));
        Assert.Equal(["vllm:a:1"], await KeysAsync());
        await finder.WriteAsync(DiscoveryOutcome.Failed("broken"));
        await finder.WriteAsync(DiscoveryOutcome.Failed("broken"));
        await finder.WriteAsync(Found("a:1"));

        var happened = await _agent.ExpectMsgAsync<Happened>(Patience);
        Assert.Equal((Occurrence.DiscoveryFailed, "file_sd:/targets.json: broken"), (happened.What, happened.Text));
        Assert.Equal(["vllm:a:1"], await KeysAsync());
    }

    [Fact]
    public async Task A_look_that_found_a_part_tells_the_part_and_the_failure()
    {
        Start();
        await (await FinderAsync(1)).WriteAsync(Found("a:1") with { Problem = "b.json is broken" });

        await _agent.ExpectMsgAsync<Happened>(Patience);
        Assert.Equal(["vllm:a:1"], await KeysAsync());
    }

    [Fact]
    public async Task A_finder_that_ends_is_made_anew_after_a_while()
    {
        Start();
        (await FinderAsync(1)).Complete(new InvalidOperationException("a fault"));
        Assert.Contains("a fault", (await _agent.ExpectMsgAsync<Happened>(Patience)).Text, StringComparison.Ordinal);
        ((TestScheduler)Sys.Scheduler).Advance(TimeSpan.FromSeconds(10));

        await (await FinderAsync(2)).WriteAsync(Found("a:1"));
        Assert.Equal(["vllm:a:1"], await KeysAsync());
    }

    [Fact]
    public async Task A_discovery_that_stops_ends_its_finder()
    {
        var discovery = Start();
        await (await FinderAsync(1)).WriteAsync(Found("a:1"));
        await KeysAsync();
        Sys.Stop(discovery);

        await _ended.Task.WaitAsync(Patience);
    }

    private sealed class ChannelFinder(ChannelReader<DiscoveryOutcome> outcomes, TaskCompletionSource ended) : ITargetFinder
    {
        public async IAsyncEnumerable<DiscoveryOutcome> WatchAsync([EnumeratorCancellation] CancellationToken cancellation)
        {
            using var end = cancellation.Register(() => ended.TrySetResult());
            await foreach (var outcome in outcomes.ReadAllAsync(cancellation))
            {
                yield return outcome;
            }
        }
    }
}
