using System.Threading.Channels;
using Akka.Actor;
using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Sources;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;
using static FleetVibe.Agent.Sources.SourceMessages;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Changing;

/// <summary>Sources that a discovery finds, and discoveries that change themselves.</summary>
public sealed partial class RunningChangeTests
{
    private static readonly FileDiscoverySettings Files = new() { Files = ["/targets.json"], Source = new SourceTemplate(Vllm with { Name = null }) };
    private static readonly SourceSettings FoundSource = Vllm with { Name = "found" };
    private static readonly DiscoveryOutcome FoundTarget =
        DiscoveryOutcome.Found([new DiscoveredTarget("127.0.0.1:8000", new Dictionary<string, string> { ["name"] = "found" })]);

    private readonly Channel<PlayedFinder> _finders = Channel.CreateUnbounded<PlayedFinder>();

    // An agent that reads what its discovery found.
    private async Task<(IActorRef Agent, PlayedFinder Finder)> FoundAsync()
    {
        var agent = Agent(With(Gpus) with { Discoveries = [Files] }, (_, _) =>
        {
            var finder = new PlayedFinder();
            _finders.Writer.TryWrite(finder);
            return finder;
        });
        await StartedAsync(Gpus);
        var finder = await NextFinderAsync();
        await finder.SayAsync(FoundTarget);
        await StartedAsync(FoundSource);
        return (agent, finder);
    }

    private Task<PlayedFinder> NextFinderAsync() => _finders.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    [Fact]
    public async Task What_a_discovery_finds_is_read_until_it_is_found_no_more()
    {
        var (agent, finder) = await FoundAsync();

        // Whatever fails changes nothing.
        await finder.SayAsync(DiscoveryOutcome.Failed("no such file"));
        await finder.SayAsync(DiscoveryOutcome.Found([]));

        await SaidAsync<CollectDue>(FoundSource);
        Report(FoundSource, new SourceReport(FoundSource.Key) { Deltas = [Delta(0, 1, 3)], Status = Ok(1) });
        await SaidAsync<Stopped>(FoundSource);
        await agent.Ask<AgentActor.AgentStopped>(AgentActor.StopAgent.Instance, Patience);
        Assert.Equal(3, Assert.Single((await _spool.RunAsync(store => store.Load())).Open).CountedRequests);
    }

    [Fact]
    public async Task What_a_discovery_that_was_stopped_still_says_is_not_heard()
    {
        var (agent, _) = await FoundAsync();
        agent.Tell(new DiscoveryActor.TargetsFound(Files.Key, []), TestActor);
        await agent.Ask<ActorIdentity>(new Identify(1), Patience);
        Sys.ActorSelection($"{agent.Path.ToStringWithoutAddress()}/*").Tell("barrier");

        Assert.Equal("barrier", await _sources[FoundSource.Key].FishForMessageAsync(message => message is CollectDue or "barrier", Patience));
    }

    [Fact]
    public async Task A_discovery_that_changes_looks_anew_and_what_it_found_stays_until_then()
    {
        var (agent, _) = await FoundAsync();
        agent.Tell(new ChangeSettings(With(Gpus) with { Discoveries = [Files with { Refresh = TimeSpan.FromMinutes(1) }] }));
        var finder = await NextFinderAsync();
        Sys.ActorSelection($"{agent.Path.ToStringWithoutAddress()}/*").Tell("barrier");
        Assert.Equal("barrier", await _sources[FoundSource.Key].FishForMessageAsync(message => message is CollectDue or Stopped or "barrier", Patience));
        await finder.SayAsync(DiscoveryOutcome.Found([]));

        await SaidAsync<CollectDue>(FoundSource);
    }

    [Fact]
    public async Task What_a_discovery_had_found_is_forgotten_with_it()
    {
        var (agent, _) = await FoundAsync();
        agent.Tell(new ChangeSettings(With(Gpus)));
        await SaidAsync<CollectDue>(FoundSource);
        Report(FoundSource, new SourceReport(FoundSource.Key) { Status = Ok(1) });
        await SaidAsync<Stopped>(FoundSource);
        await AwaitConditionAsync(async () => (await DescriptionAsync()).Sources.Count == 1, Patience, TimeSpan.FromMilliseconds(5));
        Assert.True(_accumulators.TryRemove(FoundSource.Key, out _));
        agent.Tell(new ChangeSettings(With(Gpus) with { Discoveries = [Files] }));
        var finder = await NextFinderAsync();
        await agent.Ask<ActorIdentity>(new Identify(1), Patience);
        Assert.False(_accumulators.ContainsKey(FoundSource.Key));
        await finder.SayAsync(FoundTarget);

        await StartedAsync(FoundSource);
    }

    private async Task<Protocol.V1.Heartbeat> DescriptionAsync() =>
        (await _accumulators[Gpus.Key].Ask<AgentDescription>(new DescribeAgent(), Patience)).Body;

    /// <summary>A discovery that finds what the test says.</summary>
    private sealed class PlayedFinder : ITargetFinder
    {
        private readonly Channel<DiscoveryOutcome> _outcomes = Channel.CreateUnbounded<DiscoveryOutcome>();

        public IAsyncEnumerable<DiscoveryOutcome> WatchAsync(CancellationToken cancellation) => _outcomes.Reader.ReadAllAsync(cancellation);

        internal ValueTask SayAsync(DiscoveryOutcome outcome) => _outcomes.Writer.WriteAsync(outcome);
    }
}
