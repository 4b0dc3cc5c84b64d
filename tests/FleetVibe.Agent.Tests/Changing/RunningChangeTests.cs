using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Event;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Printing;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;
using static FleetVibe.Agent.Sources.SourceMessages;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Changing;

/// <summary>Sources of a running agent come and go on virtual time; the test plays the sources.</summary>
public sealed partial class RunningChangeTests : TestKit, IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new(At(0));
    private readonly ConcurrentDictionary<string, IActorRef> _accumulators = new();
    private readonly ConcurrentDictionary<string, TestProbe> _sources = new();
    private SpoolWorker _spool = null!;

    public RunningChangeTests()
        : base("""akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit" """)
    {
    }

    public async Task InitializeAsync()
    {
        _spool = await SpoolWorker.OpenAsync(_folder.Path, _time, NullLogger.Instance);
        foreach (var source in new SourceSettings[] { RequestLog, Vllm, Gpus, Vllm with { Name = "found" } })
        {
            _sources[source.Key] = CreateTestProbe();
        }
    }

    public async Task DisposeAsync()
    {
        await Sys.Terminate();
        _spool.Dispose();
        _folder.Dispose();
    }

    private IActorRef Agent(AgentSettings settings, FinderFactory? finders = null) => Sys.ActorOf(AgentActor.CreateProps(
        settings with { DataDirectory = _folder.Path },
        _spool,
        (source, accumulator, _) =>
        {
            _accumulators[source.Key] = accumulator;
            var probe = _sources[source.Key];
            return Props.Create(() => new PlayedSource(source, accumulator, probe));
        },
        _time,
        finders));

    private async Task AdvanceAsync(IActorRef sut, double seconds)
    {
        var step = TimeSpan.FromMilliseconds(250);
        for (var passed = 0d; passed < seconds; passed += step.TotalSeconds)
        {
            _time.Advance(step);
            ((TestScheduler)Sys.Scheduler).Advance(step);
            await sut.Ask<ActorIdentity>(new Identify(1), Patience);
        }
    }

    private Task<StartSource> StartedAsync(SourceSettings source) => SaidAsync<StartSource>(source);

    private async Task<T> SaidAsync<T>(SourceSettings source)
        where T : class => (T)await _sources[source.Key].FishForMessageAsync(message => message is T, Patience);

    private List<object> Told(SourceSettings source)
    {
        var told = new List<object>();
        while (_sources[source.Key].HasMessages)
        {
            told.Add(_sources[source.Key].ReceiveOne(TimeSpan.Zero));
        }

        return told;
    }

    private void Report(SourceSettings source, SourceReport report) => _accumulators[source.Key].Tell(report, _sources[source.Key]);

    private static AgentSettings With(params SourceSettings[] sources) => Settings(sources);

    [Fact]
    public async Task A_source_that_goes_is_collected_once_more_and_what_it_had_is_counted()
    {
        var agent = Agent(With(RequestLog, Gpus));
        await StartedAsync(RequestLog);
        agent.Tell(new ChangeSettings(With(Gpus)));

        await SaidAsync<CollectDue>(RequestLog);
        Report(RequestLog, Lines(5, Request(1), Request(2)) with { Status = Ok(3) });

        await SaidAsync<Stopped>(RequestLog);
        await agent.Ask<AgentActor.AgentStopped>(AgentActor.StopAgent.Instance, Patience);
        var contents = await _spool.RunAsync(store => store.Load());
        Assert.Equal(2, Assert.Single(contents.Open).CountedRequests);
        Assert.Equal([5], contents.Checkpoints[RequestLog.Key]);
    }

    [Fact]
    public async Task A_source_that_no_longer_answers_is_waited_for_a_moment_only()
    {
        var agent = Agent(With(RequestLog, Gpus));
        await StartedAsync(RequestLog);
        agent.Tell(new ChangeSettings(With(Gpus)));
        await SaidAsync<CollectDue>(RequestLog);
        await AdvanceAsync(agent, 4.75);
        Assert.DoesNotContain(Told(RequestLog), message => message is Stopped);
        await AdvanceAsync(agent, 0.5);

        await SaidAsync<Stopped>(RequestLog);
    }

    [Fact]
    public async Task A_source_that_comes_back_goes_on_at_its_checkpoint()
    {
        var agent = Agent(With(RequestLog, Gpus));
        await StartedAsync(RequestLog);
        Report(RequestLog, Lines(9, Request(1)));
        agent.Tell(new ChangeSettings(With(Gpus)));
        await SaidAsync<CollectDue>(RequestLog);
        Report(RequestLog, new SourceReport(RequestLog.Key) { Status = Ok(2) });
        await SaidAsync<Stopped>(RequestLog);

        agent.Tell(new ChangeSettings(With(Gpus, RequestLog)));

        var again = await StartedAsync(RequestLog);
        Assert.Equal([9], again.Checkpoint);
        Assert.Equal((false, At(0)), (again.SpoolIsFresh, again.WatchedSince));
    }

    [Fact]
    public async Task An_engine_takes_over_from_a_log_and_the_log_does_not_count_it_again()
    {
        var agent = Agent(With(RequestLog, Vllm));
        await StartedAsync(RequestLog);
        await StartedAsync(Vllm);
        Report(RequestLog, Lines(9, Request(1)));
        agent.Tell(new ChangeSettings(With(Vllm)));
        await SaidAsync<CollectDue>(RequestLog);
        await agent.Ask<ActorIdentity>(new Identify(1), Patience);
        Assert.False(_sources[Vllm.Key].HasMessages);
        Report(RequestLog, new SourceReport(RequestLog.Key) { Status = Ok(2) });
        await SaidAsync<Stopped>(RequestLog);

        // Only once the log has stopped is the engine collected: what it saw so far was the log's.
        await SaidAsync<CollectDue>(Vllm);
        Report(Vllm, new SourceReport(Vllm.Key) { Deltas = [Delta(0, 0.5, 1)], Status = Ok(0.5) });
        agent.Tell(new ChangeSettings(With(RequestLog, Vllm)));
        await SaidAsync<CollectDue>(Vllm);
        Report(Vllm, new SourceReport(Vllm.Key) { Deltas = [Delta(0.5, 1, 4)], Status = Ok(1) });

        var again = await StartedAsync(RequestLog);
        Assert.Null(again.Checkpoint);
        Assert.True(again.SpoolIsFresh);
        await agent.Ask<AgentActor.AgentStopped>(AgentActor.StopAgent.Instance, Patience);
        Assert.Equal(1 + 4, Assert.Single((await _spool.RunAsync(store => store.Load())).Open).CountedRequests);
    }

    [Fact]
    public async Task A_source_that_stays_is_left_alone()
    {
        var agent = Agent(With(RequestLog, Gpus));
        await StartedAsync(RequestLog);
        agent.Tell(new ChangeSettings(With(RequestLog with { Fields = new LogFields() }, Vllm with { Model = "other" })));
        await StartedAsync(Vllm);
        await AdvanceAsync(agent, 2);

        Assert.DoesNotContain(Told(RequestLog), message => message is Stopped or CollectDue);
        await SaidAsync<Stopped>(Gpus);
    }

    [Fact]
    public async Task Of_several_changes_at_once_the_last_is_what_comes_out()
    {
        var agent = Agent(With(RequestLog, Gpus));
        await StartedAsync(RequestLog);
        agent.Tell(new ChangeSettings(With(Gpus)));
        agent.Tell(new ChangeSettings(With(Gpus, Vllm)));
        agent.Tell(new ChangeSettings(With(RequestLog with { MaxLineBytes = 2048 })));
        await SaidAsync<CollectDue>(RequestLog);
        Report(RequestLog, new SourceReport(RequestLog.Key) { Status = Ok(2) });
        await SaidAsync<Stopped>(RequestLog);

        await StartedAsync(RequestLog);
        var description = await _accumulators[RequestLog.Key].Ask<AgentDescription>(new DescribeAgent(), Patience);
        Assert.Equal(["json_log"], description.Body.Sources.Select(source => source.Kind));
        Assert.False(_accumulators.ContainsKey(Vllm.Key));
    }

    [Fact]
    public async Task An_interval_that_changes_holds_from_the_next_collection()
    {
        var agent = Agent(With(RequestLog));
        await StartedAsync(RequestLog);
        agent.Tell(new ChangeSettings(With(RequestLog) with { Interval = TimeSpan.FromSeconds(2) }));
        await AdvanceAsync(agent, 6);

        // What the agent has said stands before it.
        var collections = 0;
        Sys.ActorSelection($"{agent.Path.ToStringWithoutAddress()}/*").Tell("barrier");
        await _sources[RequestLog.Key].FishForMessageAsync(
            message =>
            {
                collections += message is CollectDue ? 1 : 0;
                return message is "barrier";
            },
            Patience);
        Assert.InRange(collections, 2, 3);
    }

    [Fact]
    public async Task An_answer_to_an_earlier_question_does_not_end_the_wait_for_a_source()
    {
        var agent = Agent(With(RequestLog));
        await StartedAsync(RequestLog);
        agent.Tell(new ChangeSettings(With(Gpus)));
        await SaidAsync<CollectDue>(RequestLog);
        agent.Tell(new Collected(0));
        await agent.Ask<ActorIdentity>(new Identify(1), Patience);

        // A source that was being stopped would not hear it.
        Sys.ActorSelection($"{agent.Path.ToStringWithoutAddress()}/*").Tell("barrier");
        Assert.Equal("barrier", await _sources[RequestLog.Key].FishForMessageAsync(message => message is Stopped or "barrier", Patience));
    }

    [Fact]
    public async Task An_agent_that_prints_collects_what_came_from_the_next_prompt_on_and_leaves_no_message_unread()
    {
        var unread = Unread();
        var printing = With(Gpus) with { Outlet = new Reader() };
        var agent = Agent(printing);
        await StartedAsync(Gpus);
        agent.Tell(new ChangeSettings(printing with { Sources = [] }));
        await AwaitConditionAsync(async () => (await DescribedAsync(Gpus)).Sources.Count == 0, Patience, TimeSpan.FromMilliseconds(5));
        agent.Tell(AgentActor.Collect.Instance);

        agent.Tell(new ChangeSettings(printing with { Sources = [Vllm] }));
        await StartedAsync(Vllm);
        agent.Tell(AgentActor.Collect.Instance);
        await SaidAsync<CollectDue>(Vllm);
        Report(Vllm, new SourceReport(Vllm.Key) { Status = Ok(1) });
        await agent.Ask<AgentActor.AgentStopped>(AgentActor.StopAgent.Instance, Patience);

        Assert.False(unread.HasMessages);
    }

    [Fact]
    public async Task What_is_said_to_a_source_that_has_stopped_is_no_fault()
    {
        var (unread, suppressed) = (Unread(), CreateTestProbe());
        Sys.EventStream.Subscribe(suppressed.Ref, typeof(SuppressedDeadLetter));
        Agent(With(RequestLog));
        await StartedAsync(RequestLog);
        var stopped = Sys.ActorOf(Props.Empty);
        await WatchAsync(stopped);
        Sys.Stop(stopped);
        await ExpectTerminatedAsync(stopped, Patience);

        _accumulators[RequestLog.Key].Tell(Lines(1, Request(1)), stopped);
        _accumulators[RequestLog.Key].Tell(new SourceReady(RequestLog.Key), stopped);

        await suppressed.FishForMessageAsync(message => message is SuppressedDeadLetter { Message: ReportFolded }, Patience);
        await suppressed.FishForMessageAsync(message => message is SuppressedDeadLetter { Message: StartSource }, Patience);
        Assert.False(unread.HasMessages);
    }

    [Fact]
    public async Task A_change_that_a_failure_cut_short_is_in_force_when_all_begins_again()
    {
        var agent = Agent(With(RequestLog, Gpus));
        await StartedAsync(RequestLog);
        await StartedAsync(Gpus);
        agent.Tell(new ChangeSettings(With(Gpus)));
        await SaidAsync<CollectDue>(RequestLog);
        var first = _accumulators[Gpus.Key];
        first.Tell(PoisonPill.Instance);
        await AwaitConditionAsync(
            async () =>
            {
                await AdvanceAsync(agent, 0.25);
                return !_accumulators[Gpus.Key].Equals(first);
            },
            Patience,
            TimeSpan.FromMilliseconds(5));

        Assert.Equal(first, _accumulators[RequestLog.Key]);
    }

    private TestProbe Unread()
    {
        var unread = CreateTestProbe();
        Sys.EventStream.Subscribe(unread.Ref, typeof(DeadLetter));
        Sys.EventStream.Subscribe(unread.Ref, typeof(UnhandledMessage));
        return unread;
    }

    private async Task<Protocol.V1.Heartbeat> DescribedAsync(SourceSettings source) =>
        (await _accumulators[source.Key].Ask<AgentDescription>(new DescribeAgent(), Patience)).Body;

    private sealed class Reader : IPointOutlet
    {
        public Task WriteAsync(ReadOnlyMemory<byte> lines) => Task.CompletedTask;
    }

    private sealed record Stopped : INoSerializationVerificationNeeded;

    /// <summary>A source that says it is ready, shows a test what it is told, and when it stops.</summary>
    private sealed class PlayedSource(SourceSettings settings, IActorRef accumulator, IActorRef probe) : UntypedActor
    {
        protected override void PreStart() => accumulator.Tell(new SourceReady(settings.Key));

        protected override void PostStop() => probe.Tell(new Stopped());

        protected override void OnReceive(object message) => probe.Forward(message);
    }
}
