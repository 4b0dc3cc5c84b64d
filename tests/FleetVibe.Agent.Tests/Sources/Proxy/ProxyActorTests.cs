using System.Text;
using System.Threading.Channels;
using Akka.Actor;
using Akka.TestKit;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Proxy;
using static FleetVibe.Agent.Sources.SourceMessages;

namespace FleetVibe.Agent.Tests.Sources.Proxy;

public sealed class ProxyActorTests : SourceActorTest
{
    private readonly EngineOfTest _engine = new();
    private readonly MeasuredQueue _queue = new(TestProxy.Settings with { QueueCapacity = 8 }, Guid.Empty);

    private TestScheduler Scheduler => (TestScheduler)Sys.Scheduler;

    [Fact]
    public async Task What_was_measured_is_reported_with_a_checkpoint_and_the_next_waits_for_the_fold()
    {
        var source = await StartAsync();
        _queue.Add(MeasuredQueueTests.Request(1));
        Poll();
        var first = await Accumulator.ExpectMsgAsync<SourceReport>();
        Assert.Equal(("proxy:127.0.0.1:8080", 1), (first.SourceKey, first.Requests.Count));
        Assert.NotNull(first.Checkpoint);

        _queue.Add(MeasuredQueueTests.Request(2));
        Poll();
        await HeardAsync(source);
        Assert.False(Accumulator.HasMessages);
        source.Tell(ReportFolded.Instance);
        Poll();
        Assert.Equal(2, Assert.Single((await Accumulator.ExpectMsgAsync<SourceReport>()).Requests).InputTokens);
    }

    [Fact]
    public async Task While_nothing_is_folded_requests_wait_and_what_finds_no_room_is_counted()
    {
        var source = await StartAsync();
        _queue.Add(MeasuredQueueTests.Request(0));
        Poll();
        await Accumulator.ExpectMsgAsync<SourceReport>();
        for (var number = 1; number <= 11; number++)
        {
            _queue.Add(MeasuredQueueTests.Request(number));
        }

        source.Tell(CollectDue.Instance);
        _engine.Answer("{}");
        await EngineIsLookedAtAsync(source);
        source.Tell(ReportFolded.Instance);
        Poll();
        var report = await Accumulator.ExpectMsgAsync<SourceReport>();
        Assert.Equal((8, 3L), (report.Requests.Count, report.Status!.SamplesSkipped));
    }

    [Fact]
    public async Task Once_an_interval_it_says_whether_the_engine_answers()
    {
        var source = await StartAsync();
        source.Tell(CollectDue.Instance);
        _engine.Fail(ErrorClass.Connect, "http://127.0.0.1:8080/v1/models: connection refused");
        var down = (await Accumulator.ExpectMsgAsync<SourceReport>()).Status!;
        Assert.Equal((ErrorClass.Connect, false, "http://127.0.0.1:8080/v1/models: connection refused"), (down.Error, down.IsUp, down.ErrorText));
        Assert.Equal("http://127.0.0.1:8080/v1/models", _engine.Settings!.Endpoint.ToString());

        source.Tell(ReportFolded.Instance);
        source.Tell(CollectDue.Instance);
        _engine.Fail(ErrorClass.Http4xx, "no such path");
        Assert.True((await Accumulator.ExpectMsgAsync<SourceReport>()).Status!.IsUp);
    }

    [Fact]
    public async Task The_time_between_tokens_goes_out_as_a_gauge_with_the_status()
    {
        var source = await StartAsync();
        _queue.Add(MeasuredQueueTests.Request(1));
        source.Tell(CollectDue.Instance);
        _engine.Answer("{}");
        var gauge = Assert.Single((await Accumulator.ExpectMsgAsync<SourceReport>()).Gauges);
        Assert.Equal(("m", (double?)200), (gauge.Series.Model, gauge.InterTokenMs));
    }

    [Fact]
    public async Task A_source_that_stops_hands_over_what_waits()
    {
        var source = await StartAsync();
        _queue.Add(MeasuredQueueTests.Request(1));
        Sys.Stop(source);
        Assert.Single((await Accumulator.ExpectMsgAsync<SourceReport>()).Requests);
    }

    [Fact]
    public async Task A_source_that_stops_says_how_many_requests_were_not_measured()
    {
        var source = await StartAsync();
        _queue.Count(Unmeasured.Faulted);
        Sys.Stop(source);
        Assert.Equal(1, (await Accumulator.ExpectMsgAsync<SourceReport>()).Status!.SamplesSkipped);
    }

    [Fact]
    public async Task An_accumulator_that_lost_a_report_gets_it_once_more()
    {
        var source = await StartAsync();
        _queue.Add(MeasuredQueueTests.Request(1));
        Poll();
        var stored = (await Accumulator.ExpectMsgAsync<SourceReport>()).Checkpoint;
        source.Tell(ReportFolded.Instance);
        _queue.Add(MeasuredQueueTests.Request(2));
        Poll();
        await Accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(new StartSource(stored, false, Time.GetUtcNow()));
        Assert.Equal(2, Assert.Single((await Accumulator.ExpectMsgAsync<SourceReport>()).Requests).InputTokens);
    }

    [Fact]
    public async Task An_unknown_message_is_reported_as_unhandled()
    {
        var source = await StartAsync();
        var unhandled = CreateTestProbe();
        Sys.EventStream.Subscribe(unhandled, typeof(Akka.Event.UnhandledMessage));
        source.Tell("what?");
        await unhandled.ExpectMsgAsync<Akka.Event.UnhandledMessage>();
    }

    private Task<IActorRef> StartAsync() =>
        StartAsync(ProxyActor.CreateProps(TestProxy.Settings, _queue, Accumulator, _engine.Create, Time), "proxy:127.0.0.1:8080");

    private void Poll() => Scheduler.Advance(TimeSpan.FromMilliseconds(250));

    // Looks come to the actor's mailbox from elsewhere; one that is not answered means that the last one is in.
    private async Task EngineIsLookedAtAsync(IActorRef source)
    {
        while (_engine.Looks < 2)
        {
            source.Tell(CollectDue.Instance);
            await Task.Yield();
        }
    }

    private sealed class EngineOfTest : ISourceClient
    {
        private readonly Channel<FetchOutcome> _answers = Channel.CreateUnbounded<FetchOutcome>();
        private int _looks;

        public int Looks => Volatile.Read(ref _looks);

        public HttpSourceSettings? Settings { get; private set; }

        public EngineOfTest Create(HttpSourceSettings settings, PageWanted wanted, TimeProvider time)
        {
            Settings = settings;
            return this;
        }

        public void Answer(string body) =>
            _answers.Writer.TryWrite(new FetchOutcome(new FetchedPage(Encoding.UTF8.GetBytes(body), "application/json", default), null, ""));

        public void Fail(ErrorClass error, string text) => _answers.Writer.TryWrite(FetchOutcome.Failed(error, text));

        public async Task<FetchOutcome> FetchAsync(CancellationToken cancellation)
        {
            Interlocked.Increment(ref _looks);
            return await _answers.Reader.ReadAsync(cancellation);
        }

        public void Dispose()
        {
        }
    }
}
