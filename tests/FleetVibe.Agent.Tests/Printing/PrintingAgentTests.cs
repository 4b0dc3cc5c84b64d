using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using FleetVibe.Metrics.LineProtocol;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using static FleetVibe.Agent.Sources.SourceMessages;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Printing;

/// <summary>An agent that prints, on virtual time, with a reader that a test holds; only the spool's thread runs on its own.</summary>
public sealed class PrintingAgentTests : TestKit, IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new(At(0));
    private readonly FakeOutlet _outlet = new();
    private SpoolWorker _spool = null!;
    private volatile IActorRef? _accumulator;

    public PrintingAgentTests()
        : base("""akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit" """)
    {
    }

    public async Task InitializeAsync() => _spool = await SpoolWorker.OpenAsync(_folder.Path, _time, NullLogger.Instance);

    public async Task DisposeAsync()
    {
        await Sys.Terminate();
        _spool.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_closed_window_is_printed_and_forgotten_only_once_it_was_taken()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        await FoldAsync(source, Lines(1, Request(1), Request(2, 1.5)));
        var (points, done) = await NextAsync(agent);
        var model = Assert.Single(points.Models());
        Assert.Equal((2L, Start * 1_000_000_000L), (model.Get("requests")!.Value.Integer, model.TimestampNs!.Value));
        Assert.Equal((2L, 0L), await LedgerAsync());
        done.SetResult();
        await ForgottenAsync(2);
    }

    [Fact]
    public async Task What_was_written_and_not_forgotten_is_printed_once_more_as_it_was()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        await FoldAsync(source, Lines(1, Request(1)));
        var (first, _) = await NextAsync(agent);
        await Sys.Terminate();

        using var again = new PrintingAgentTests();
        again._spool = _spool;
        var outlet = again._outlet;
        again.Sys.ActorOf(AgentActor.CreateProps(again.PrintingSettings, _spool, (_, _, _) => Props.Empty, _time));
        var (second, _) = await outlet.NextAsync();
        Assert.Equal(first.Select(Text), second.Select(Text));
        await again.Sys.Terminate();
    }

    [Fact]
    public async Task A_reader_that_is_gone_leaves_the_rest_in_the_spool_and_holds_up_no_stop()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        await FoldAsync(source, Lines(1, Request(1)));
        var (_, done) = await NextAsync(agent);
        done.SetException(new IOException("broken pipe"));

        await agent.Ask<AgentActor.AgentStopped>(AgentActor.StopAgent.Instance, Patience);
        Assert.Equal((1L, 0L), await LedgerAsync());
        Assert.False(_outlet.HasWrites);
    }

    [Fact]
    public async Task Collect_asks_each_source_once_and_is_dropped_while_a_round_runs()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        agent.Tell(AgentActor.Collect.Instance);
        await source.ExpectMsgAsync<CollectDue>(Patience);
        agent.Tell(AgentActor.Collect.Instance);
        await agent.Ask<ActorIdentity>(new Identify(1), Patience);

        // It takes the way that a second CollectDue would have taken before it.
        Sys.ActorSelection($"{agent.Path.ToStringWithoutAddress()}/*").Tell("barrier");
        Assert.Equal("barrier", await source.FishForMessageAsync(message => message is CollectDue or "barrier", Patience));
        await FoldAsync(source, new SourceReport(RequestLog.Key) { Status = Ok(1) });
        await AdvanceAsync(agent, 0.25);
        await source.ExpectNoMsgAsync(TimeSpan.Zero);

        agent.Tell(AgentActor.Collect.Instance);
        await source.ExpectMsgAsync<CollectDue>(Patience);
    }

    [Fact]
    public async Task A_source_that_does_not_answer_holds_up_a_round_for_some_seconds_only()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        agent.Tell(AgentActor.Collect.Instance);
        await source.ExpectMsgAsync<CollectDue>(Patience);
        await AdvanceAsync(agent, 8);
        agent.Tell(AgentActor.Collect.Instance);

        await source.ExpectMsgAsync<CollectDue>(Patience);
    }

    [Fact]
    public async Task A_source_that_is_gone_is_not_waited_for()
    {
        var source = CreateTestProbe();
        var leaving = CreateTestProbe();
        var agent = Sys.ActorOf(AgentActor.CreateProps(
            Settings(RequestLog, Gpus) with { DataDirectory = _folder.Path, Outlet = _outlet },
            _spool,
            (settings, accumulator, time) =>
            {
                _accumulator = accumulator;
                var probe = settings.Key == Gpus.Key ? leaving : source;
                return Props.Create(() => new RelayingSource(settings.Key, accumulator, probe));
            },
            _time));
        await source.FishForMessageAsync(message => message is StartSource, Patience);
        await leaving.FishForMessageAsync(message => message is StartSource, Patience);
        agent.Tell(AgentActor.Collect.Instance);
        await source.ExpectMsgAsync<CollectDue>(Patience);
        await leaving.ExpectMsgAsync<CollectDue>(Patience);
        await FoldAsync(source, new SourceReport(RequestLog.Key) { Status = Ok(1) });
        Sys.ActorSelection($"{agent.Path.ToStringWithoutAddress()}/*/*").Tell(new RelayingSource.Leave(Gpus.Key));
        await AwaitConditionAsync(
            async () =>
            {
                agent.Tell(AgentActor.Collect.Instance);
                await agent.Ask<ActorIdentity>(new Identify(1), Patience);
                return source.HasMessages;
            },
            Patience,
            TimeSpan.FromMilliseconds(5));

        await source.ExpectMsgAsync<CollectDue>(Patience);
    }

    [Fact]
    public async Task A_page_that_was_printed_and_could_not_be_forgotten_is_not_printed_again()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        await FoldAsync(source, Lines(1, Request(1)));
        var (_, done) = await NextAsync(agent);
        Sql("CREATE TRIGGER held BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'held'); END");
        await EventFilter.Error(contains: "the spool cannot be used").ExpectOneAsync(Patience, () =>
        {
            done.SetResult();
            return Task.CompletedTask;
        });
        Sql("DROP TRIGGER held");

        // The page that waits for it would stand in the way of a second time.
        await AwaitConditionAsync(
            async () =>
            {
                await AdvanceAsync(agent, 0.25);
                return await LedgerAsync() == (0, 1);
            },
            Patience,
            TimeSpan.FromMilliseconds(5));
    }

    [Fact]
    public async Task The_first_Collect_ends_the_own_clock()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        await AdvanceAsync(agent, 10);
        await source.ExpectMsgAsync<CollectDue>(Patience);
        agent.Tell(AgentActor.Collect.Instance);
        await source.ExpectMsgAsync<CollectDue>(Patience);
        await AdvanceAsync(agent, 30);
        await source.ExpectNoMsgAsync(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_Collect_that_came_before_a_source_had_started_is_heard_by_it()
    {
        var source = CreateTestProbe();
        var agent = Sys.ActorOf(AgentActor.CreateProps(PrintingSettings, _spool, Relay(source), _time));
        agent.Tell(AgentActor.Collect.Instance);

        await source.FishForMessageAsync(message => message is StartSource, Patience);
        await source.ExpectMsgAsync<CollectDue>(Patience);
    }

    [Fact]
    public async Task A_stop_ends_the_round_first_and_prints_open_windows_as_they_are()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        agent.Tell(AgentActor.Collect.Instance);
        await source.ExpectMsgAsync<CollectDue>(Patience);
        var stopped = agent.Ask<AgentActor.AgentStopped>(AgentActor.StopAgent.Instance, Patience);
        await FoldAsync(source, Lines(4, Request(1), Request(2)) with { Status = Ok(2) });

        var points = await _outlet.TakeAsync();
        await stopped;
        Assert.Equal(2, Assert.Single(points.Models()).Get("requests")!.Value.Integer);
        var contents = await _spool.RunAsync(store => store.Load());
        Assert.Equal((0, 0L, 2L), (contents.Open.Count, contents.Status.Records, contents.Status.Ledger.AckedCommitted));
        Assert.Equal([4], contents.Checkpoints[RequestLog.Key]);
    }

    [Fact]
    public async Task A_window_that_a_stop_closed_goes_on_after_the_next_start()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        await FoldAsync(source, Lines(1, Request(1)));
        var stopped = agent.Ask<AgentActor.AgentStopped>(AgentActor.StopAgent.Instance, Patience);
        Assert.Equal(1, Assert.Single((await _outlet.TakeAsync()).Models()).Get("requests")!.Value.Integer);
        await stopped;
        Sys.Stop(agent);

        agent = await AgentAsync(source);
        await FoldAsync(source, Lines(2, Request(3)));
        await AdvanceUntilAsync(agent, () => _outlet.HasWrites);
        Assert.Equal(2, Assert.Single((await _outlet.TakeAsync()).Models()).Get("requests")!.Value.Integer);
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_ever_for_a_source_or_a_reader()
    {
        var source = CreateTestProbe();
        var agent = await AgentAsync(source);
        await FoldAsync(source, Lines(1, Request(1)));
        agent.Tell(AgentActor.Collect.Instance);
        await source.ExpectMsgAsync<CollectDue>(Patience);
        var stopped = agent.Ask<AgentActor.AgentStopped>(AgentActor.StopAgent.Instance, Patience);
        await NextAsync(agent);
        await AdvanceUntilAsync(agent, () => stopped.IsCompleted);
        Assert.Equal((1L, 0L), await LedgerAsync());
    }

    private AgentSettings PrintingSettings => Settings(RequestLog) with { DataDirectory = _folder.Path, Outlet = _outlet };

    private static string Text(ParsedPoint point) => $"{point.Measurement} {string.Join(',', point.Tags)} {string.Join(',', point.Fields)} {point.TimestampNs}";

    private SourceFactory Relay(TestProbe source) => (settings, accumulator, _) =>
    {
        _accumulator = accumulator;
        return Props.Create(() => new RelayingSource(settings.Key, accumulator, source));
    };

    private async Task<IActorRef> AgentAsync(TestProbe source)
    {
        var agent = Sys.ActorOf(AgentActor.CreateProps(PrintingSettings, _spool, Relay(source), _time));
        await source.FishForMessageAsync(message => message is StartSource, Patience);
        return agent;
    }

    private async Task FoldAsync(TestProbe source, SourceReport report)
    {
        _accumulator!.Tell(report, source);
        await source.FishForMessageAsync(message => message is ReportFolded, Patience);
    }

    private async Task<(long Spooled, long Printed)> LedgerAsync()
    {
        var ledger = (await _spool.RunAsync(store => store.Status)).Ledger;
        return (ledger.Spooled, ledger.AckedCommitted);
    }

    private void Sql(string statement)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.Path, SpoolFile.FileName)};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = statement;
        command.ExecuteNonQuery();
    }

    private Task ForgottenAsync(long requests) =>
        AwaitConditionAsync(async () => await LedgerAsync() == (0, requests), Patience, TimeSpan.FromMilliseconds(5));

    // The spool's thread runs by itself: time goes on until it has done its part.
    private Task AdvanceUntilAsync(IActorRef sut, Func<bool> condition) =>
        AwaitConditionAsync(
            async () =>
            {
                await AdvanceAsync(sut, 0.25);
                return condition();
            },
            Patience,
            TimeSpan.FromMilliseconds(5));

    private async Task<(IReadOnlyList<ParsedPoint> Points, TaskCompletionSource Done)> NextAsync(IActorRef sut)
    {
        await AdvanceUntilAsync(sut, () => _outlet.HasWrites);
        return await _outlet.NextAsync();
    }

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

    /// <summary>A source that says it is ready, and shows a test what it is told.</summary>
    private sealed class RelayingSource(string key, IActorRef accumulator, IActorRef probe) : UntypedActor
    {
        protected override void PreStart() => accumulator.Tell(new SourceReady(key));

        protected override void OnReceive(object message)
        {
            if (message is not Leave leave)
            {
                probe.Forward(message);
            }
            else if (leave.Key == key)
            {
                Context.Stop(Self);
            }
        }

        internal sealed record Leave(string Key) : INoSerializationVerificationNeeded;
    }
}
