using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;
using static FleetVibe.Agent.Sources.SourceMessages;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests;

/// <summary>Agent and accumulator on virtual time; only the spool's thread runs on its own.</summary>
public sealed class AgentActorTests : TestKit, IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new(At(0));
    private SpoolWorker _spool = null!;

    public AgentActorTests()
        : base("""akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit" """)
    {
    }

    private TestScheduler Scheduler => (TestScheduler)Sys.Scheduler;

    public async Task InitializeAsync() => _spool = await SpoolWorker.OpenAsync(_folder.Path, _time, NullLogger.Instance);

    public async Task DisposeAsync()
    {
        await Sys.Terminate();
        _spool.Dispose();
        _folder.Dispose();
    }

    private async Task AdvanceAsync(IActorRef sut, double seconds)
    {
        var step = TimeSpan.FromMilliseconds(250);
        for (var passed = 0d; passed < seconds; passed += step.TotalSeconds)
        {
            _time.Advance(step);
            Scheduler.Advance(step);
            await sut.Ask<ActorIdentity>(new Identify(1), Patience);
        }
    }

    private async Task<IActorRef> AccumulatorAsync(AgentSettings settings, IActorRef uplink)
    {
        var contents = await _spool.RunAsync(store => store.Load());
        var accumulator = Sys.ActorOf(AccumulatorActor.CreateProps(settings, _spool, contents, _time));
        accumulator.Tell(new AccumulatorActor.AttachUplink(uplink));
        accumulator.Tell(new SetClockOffset(TimeSpan.Zero));
        return accumulator;
    }

    [Fact]
    public async Task A_source_that_waits_for_it_hears_within_a_second_what_is_stored_and_events_are_stored_with_it()
    {
        var accumulator = await AccumulatorAsync(Settings(RequestLog), CreateTestProbe());
        accumulator.Tell(Lines(1) with { TellWhenStored = true }, TestActor);
        await ExpectMsgAsync<ReportFolded>(Patience);
        Assert.Equal([1], (await ExpectMsgAsync<ReportStored>(Patience)).Checkpoint);
        await AdvanceAsync(accumulator, 3);
        accumulator.Tell(
            Lines(2, Request(3)) with { TellWhenStored = true, Events = [new SourceEvent("engine_restart", EventSeverity.Warning, "x", At(3))] }, TestActor);
        await ExpectMsgAsync<ReportFolded>(Patience);
        Assert.Equal([2], (await ExpectMsgAsync<ReportStored>(Patience)).Checkpoint);
        var stored = await _spool.RunAsync(store => store.Load());
        Assert.Equal([2], stored.Checkpoints[RequestLog.Key]);
        Assert.Equal(1, stored.Open.Sum(part => part.CountedRequests));
        Assert.Equal("engine_restart", (await _spool.RunAsync(store => store.Offer([.. store.Backlog(10)]).Records.Select(record => record.Content).PointOf("vibe_event"))).Tag("kind"));
    }

    [Fact]
    public async Task A_report_is_answered_and_its_window_is_spooled_at_end_plus_grace()
    {
        var uplink = CreateTestProbe();
        var accumulator = await AccumulatorAsync(Settings(RequestLog), uplink);
        accumulator.Tell(new SourceReady(RequestLog.Key), TestActor);
        var start = await ExpectMsgAsync<StartSource>(Patience);
        Assert.Equal((null, false, At(0)), (start.Checkpoint, start.SpoolIsFresh, start.WatchedSince));

        accumulator.Tell(Lines(9, Request(1)), TestActor);
        await ExpectMsgAsync<ReportFolded>(Patience);
        await AdvanceAsync(accumulator, 11.75);
        Assert.Equal(0, (await _spool.RunAsync(store => store.Status)).Records);
        await AdvanceAsync(accumulator, 0.25);

        var spooled = await uplink.ExpectMsgAsync<RecordsSpooled>(Patience);
        Assert.Equal(1, spooled.Result.Status.Ledger.Spooled);
        accumulator.Tell(new SourceReady(RequestLog.Key), TestActor);
        Assert.Equal([9], (await ExpectMsgAsync<StartSource>(Patience)).Checkpoint);
    }

    [Fact]
    public async Task A_full_spool_holds_its_sources_until_records_are_acknowledged()
    {
        var uplink = CreateTestProbe();
        var status = await _spool.RunAsync(store => store.Status);
        var accumulator = await AccumulatorAsync(Settings(RequestLog) with { SpoolMaxBytes = status.UsedBytes }, uplink);
        accumulator.Tell(Lines(1, Request(1)), TestActor);
        accumulator.Tell(new DescribeAgent(), TestActor);
        await ExpectMsgAsync<AgentDescription>(Patience);

        accumulator.Tell(new SpoolChanged(status with { UsedBytes = 0 }));
        await ExpectMsgAsync<ReportFolded>(Patience);
    }

    [Fact]
    public async Task Sources_are_told_to_collect_once_an_interval_in_its_last_second()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        await AdvanceAsync(agent, 8.75);
        await source.ExpectNoMsgAsync(TimeSpan.Zero);
        await AdvanceAsync(agent, 1.25);
        await source.ExpectMsgAsync<CollectDue>(Patience);
        await AdvanceAsync(agent, 10);
        await source.ExpectMsgAsync<CollectDue>(Patience);
        await source.ExpectNoMsgAsync(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_stop_stores_open_windows_and_checkpoints_together()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        _accumulator!.Tell(Lines(4, Request(1), Request(2)), source);
        await source.ExpectMsgAsync<ReportFolded>(Patience);

        await agent.Ask<AgentActor.AgentStopped>(AgentActor.StopAgent.Instance, Patience);
        var contents = await _spool.RunAsync(store => store.Load());
        Assert.Equal((2, 0), (Assert.Single(contents.Open).CountedRequests, contents.Status.Records));
        Assert.Equal([4], contents.Checkpoints[RequestLog.Key]);
    }

    [Fact]
    public async Task A_lost_spool_is_replaced_and_sources_begin_afresh()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        var before = await _spool.RunAsync(store => store.Status);
        _accumulator!.Tell(Lines(4, Request(1)), source);
        await source.ExpectMsgAsync<ReportFolded>(Patience);
        agent.Tell(new SpoolLost("it went back in time"));

        Assert.True((await StartedAsync(source)).SpoolIsFresh);
        Assert.NotEqual(before.Instance, (await _spool.RunAsync(store => store.Status)).Instance);
    }

    [Fact]
    public async Task Where_the_accumulator_fails_all_begin_again_from_the_spool()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        _accumulator!.Tell(Lines(4, Request(1)), source);
        await source.ExpectMsgAsync<ReportFolded>(Patience);
        _accumulator.Tell(Lines(5, Request(2)), source);
        await source.ExpectMsgAsync<ReportFolded>(Patience);
        var first = _accumulator;
        first!.Tell(PoisonPill.Instance);

        StartSource? again = null;
        await AwaitConditionAsync(
            async () =>
            {
                await AdvanceAsync(agent, 0.25);
                while (again is null && source.HasMessages)
                {
                    again = await source.ReceiveOneAsync(TimeSpan.Zero) as StartSource;
                }

                return again is not null;
            },
            Patience,
            TimeSpan.FromMilliseconds(5));

        // What was folded and not stored is read again: the first checkpoint was stored at once, the next was not yet.
        Assert.Equal([4], again!.Checkpoint);
        Assert.NotEqual(first, _accumulator);
    }

    private volatile IActorRef? _accumulator;

    private async Task<IActorRef> AgentAsync(TestProbe source)
    {
        var agent = Sys.ActorOf(AgentActor.CreateProps(
            Settings(RequestLog) with { DataDirectory = _folder.Path },
            _spool,
            (settings, accumulator, _) =>
            {
                _accumulator = accumulator;
                return Props.Create(() => new RelayingSource(settings.Key, accumulator, source));
            },
            _time));
        await StartedAsync(source);
        return agent;
    }

    private static async Task<StartSource> StartedAsync(TestProbe source) =>
        (StartSource)await source.FishForMessageAsync(message => message is StartSource, Patience);

    /// <summary>A source that says it is ready, and shows a test what it is told.</summary>
    private sealed class RelayingSource(string key, IActorRef accumulator, IActorRef probe) : UntypedActor
    {
        protected override void PreStart() => accumulator.Tell(new SourceReady(key));

        protected override void OnReceive(object message) => probe.Forward(message);
    }
}
