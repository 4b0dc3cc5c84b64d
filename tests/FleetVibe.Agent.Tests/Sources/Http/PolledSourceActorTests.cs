using System.Text;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Tests.Sources.Vllm;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Agent.Tests.Sources.Http;

public class PolledSourceActorTests : TestKit
{
    private readonly FakeTimeProvider _time = new(VllmPages.Epoch);
    private readonly FakeClients _clients = new();
    private readonly IActorRef _source;

    public PolledSourceActorTests() =>
        _source = Sys.ActorOf(EngineSource.CreateProps(VllmPages.Settings, TestActor, _time, _clients.Create));

    private static string Key => VllmPages.Settings.Key;

    private async Task StartAsync(byte[]? checkpoint = null)
    {
        await ExpectMsgAsync<SourceMessages.SourceReady>(m => Assert.Equal(Key, m.SourceKey));
        _source.Tell(new SourceMessages.StartSource(checkpoint, SpoolIsFresh: false, VllmPages.Epoch));
    }

    private async Task<SourceReport> CollectAsync(string body)
    {
        _source.Tell(SourceMessages.CollectDue.Instance);
        _time.Advance(TimeSpan.FromSeconds(10));
        _clients.Answer(new FetchOutcome(new FetchedPage(Encoding.UTF8.GetBytes(body), "text/plain", _time.GetUtcNow()), null, ""));
        return await ExpectMsgAsync<SourceReport>();
    }

    private static long Requests(SourceReport report) => report.Deltas.Sum(d => d.Totals.Requests);

    private static string Page(long requests) => VllmPages.Engine(latency: [0, 0, 0, requests], stop: requests);

    [Fact]
    public async Task A_source_collects_only_once_it_was_started()
    {
        _source.Tell(SourceMessages.CollectDue.Instance);
        await StartAsync();
        var report = await CollectAsync(Page(5));
        Assert.Equal(Key, report.SourceKey);
        Assert.NotNull(report.Checkpoint);
        Assert.Null(report.Status!.Error);
        Assert.Equal(1, _clients.Fetches);
    }

    [Fact]
    public async Task What_is_skipped_is_named_when_it_begins_and_not_at_every_look()
    {
        var clients = new FakeClients();
        var settings = new VibeThinkerSourceSettings { Endpoint = new Uri("http://127.0.0.1:8080/metrics") };
        var source = Sys.ActorOf(Agent.Sources.VibeThinker.VibeThinkerSource.CreateProps(settings, TestActor, _time, clients.Create));

        // The source that every test has, and this one.
        await ExpectMsgAsync<SourceMessages.SourceReady>();
        await ExpectMsgAsync<SourceMessages.SourceReady>();
        source.Tell(new SourceMessages.StartSource(null, SpoolIsFresh: false, VllmPages.Epoch));
        foreach (var told in new[] { 1, 0 })
        {
            await EventFilter.Warning(contains: "skips and counts what cannot be used (1 now): gpu_util_percent = 300").ExpectAsync(told, async () =>
            {
                source.Tell(SourceMessages.CollectDue.Instance);
                clients.Answer(new FetchOutcome(new FetchedPage("{\"requests\":4,\"gpu_util_percent\":300}"u8.ToArray(), "application/json", _time.GetUtcNow()), null, ""));
                Assert.Equal(1, (await ExpectMsgAsync<SourceReport>()).Status!.SamplesSkipped);
                source.Tell(SourceMessages.ReportFolded.Instance);
            });
        }
    }

    [Fact]
    public async Task A_report_is_a_baseline_only_when_it_was_folded()
    {
        await StartAsync();
        await CollectAsync(Page(5));

        // Not folded: it neither collects nor counts on.
        _source.Tell(SourceMessages.CollectDue.Instance);
        _source.Tell(SourceMessages.ReportFolded.Instance);
        Assert.Equal(3, Requests(await CollectAsync(Page(8))));
        Assert.Equal(2, _clients.Fetches);
    }

    [Fact]
    public async Task There_are_never_two_collections_at_once()
    {
        await StartAsync();
        _source.Tell(SourceMessages.CollectDue.Instance);
        _source.Tell(SourceMessages.CollectDue.Instance);
        await CollectAsync(Page(5));
        Assert.Equal(1, _clients.Fetches);
    }

    [Fact]
    public async Task A_restart_with_the_folded_checkpoint_neither_loses_nor_doubles()
    {
        await StartAsync();
        var folded = await CollectAsync(Page(5));
        _source.Tell(SourceMessages.ReportFolded.Instance);
        Assert.Equal(4, Requests(await CollectAsync(Page(9))));

        // The second report was lost with the agent.
        var again = Sys.ActorOf(EngineSource.CreateProps(VllmPages.Settings, TestActor, _time, _clients.Create));
        await ExpectMsgAsync<SourceMessages.SourceReady>();
        again.Tell(new SourceMessages.StartSource(folded.Checkpoint, SpoolIsFresh: false, VllmPages.Epoch));
        again.Tell(SourceMessages.CollectDue.Instance);
        _clients.Answer(new FetchOutcome(new FetchedPage(Encoding.UTF8.GetBytes(Page(11)), null, _time.GetUtcNow()), null, ""));
        Assert.Equal(6, Requests(await ExpectMsgAsync<SourceReport>()));
    }

    [Fact]
    public async Task A_failed_collection_is_a_fact_that_keeps_the_baseline()
    {
        await StartAsync();
        await CollectAsync(Page(5));
        _source.Tell(SourceMessages.ReportFolded.Instance);
        _source.Tell(SourceMessages.CollectDue.Instance);
        _clients.Answer(FetchOutcome.Failed(ErrorClass.Connect, "refused"));
        var failed = await ExpectMsgAsync<SourceReport>();
        Assert.Equal((ErrorClass.Connect, "refused"), (failed.Status!.Error, failed.Status.ErrorText));
        Assert.Null(failed.Checkpoint);
        _source.Tell(SourceMessages.ReportFolded.Instance);
        Assert.Equal(2, Requests(await CollectAsync(Page(7))));
    }

    [Fact]
    public async Task A_collection_that_began_before_a_restart_is_not_reported()
    {
        await StartAsync();
        var adapter = new EngineAdapter(VllmPages.Settings);
        var before = VllmPages.Fresh();
        var stale = Collection.Conclude(Key, adapter, before, new FetchOutcome(VllmPages.Page(Page(4)), null, ""), TimeSpan.Zero, VllmPages.Epoch);
        _source.Tell(SourceMessages.CollectDue.Instance);
        _source.Tell(new PolledSourceActor.CollectionCompleted(stale, before));
        _clients.Answer(new FetchOutcome(VllmPages.Page(Page(5), at: 77), null, ""));
        Assert.Equal(VllmPages.Epoch.AddSeconds(77), (await ExpectMsgAsync<SourceReport>()).Status!.At);
    }

    [Fact]
    public async Task A_second_start_does_not_take_the_source_back()
    {
        await StartAsync();
        var first = await CollectAsync(Page(5));
        _source.Tell(SourceMessages.ReportFolded.Instance);
        await CollectAsync(Page(8));
        _source.Tell(SourceMessages.ReportFolded.Instance);
        _source.Tell(new SourceMessages.StartSource(first.Checkpoint, SpoolIsFresh: false, VllmPages.Epoch));
        Assert.Equal(1, Requests(await CollectAsync(Page(9))));
    }

    [Fact]
    public async Task A_source_that_is_down_says_so_once()
    {
        await StartAsync();
        await EventFilter.Warning(contains: "is down").ExpectAsync(2, async () =>
        {
            foreach (var error in new[] { ErrorClass.Connect, ErrorClass.Connect, ErrorClass.Connect, ErrorClass.Timeout })
            {
                _source.Tell(SourceMessages.CollectDue.Instance);
                _clients.Answer(FetchOutcome.Failed(error, "x"));
                await ExpectMsgAsync<SourceReport>();
                _source.Tell(SourceMessages.ReportFolded.Instance);
            }
        });
        await EventFilter.Info(contains: "is up again").ExpectOneAsync(async () =>
        {
            await CollectAsync(Page(1));
            _source.Tell(SourceMessages.ReportFolded.Instance);
            await CollectAsync(Page(1));
        });
    }

    [Fact]
    public async Task The_engine_that_was_found_is_told_once()
    {
        await StartAsync();
        var settings = new EngineSourceSettings { Endpoint = VllmPages.Settings.Endpoint };
        var source = Sys.ActorOf(PolledSourceActor.CreateProps(settings, new AutoAdapter(settings), TestActor, _time, _clients.Create));
        await ExpectMsgAsync<SourceMessages.SourceReady>();
        source.Tell(new SourceMessages.StartSource(null, SpoolIsFresh: false, VllmPages.Epoch));
        await EventFilter.Info(contains: "is vLLM: its families begin with vllm:").ExpectOneAsync(async () =>
        {
            for (var requests = 1; requests <= 3; requests++)
            {
                source.Tell(SourceMessages.CollectDue.Instance);
                _clients.Answer(new FetchOutcome(VllmPages.Page(Page(requests), at: requests * 10), null, ""));
                await ExpectMsgAsync<SourceReport>();
                source.Tell(SourceMessages.ReportFolded.Instance);
            }
        });
    }

    [Fact]
    public async Task An_engine_that_began_again_is_an_event_and_a_restart_of_its_target()
    {
        await StartAsync();
        Assert.Empty((await CollectAsync(Page(5))).Events);
        _source.Tell(SourceMessages.ReportFolded.Instance);
        var report = await CollectAsync(Page(2));

        var happened = Assert.Single(report.Events);
        Assert.Equal(("engine_restart", EventSeverity.Warning, $"{Key}: the server began again, its counters from zero"), (happened.Kind, happened.Severity, happened.Text));
        Assert.Equal((1, 2), (report.Status!.Restarts, Requests(report)));
    }

    [Fact]
    public async Task A_source_that_stops_lets_go_of_its_client()
    {
        await StartAsync();
        Watch(_source);
        Sys.Stop(_source);
        await ExpectTerminatedAsync(_source);
        Assert.True(_clients.Disposed);
    }

    /// <summary>A client whose answers wait for each other: a fetch takes the next answer, whichever comes first.</summary>
    private sealed class FakeClients : ISourceClient
    {
        private readonly System.Threading.Channels.Channel<FetchOutcome> _answers = System.Threading.Channels.Channel.CreateUnbounded<FetchOutcome>();
        private int _fetches;

        public int Fetches => _fetches;

        public bool Disposed { get; private set; }

        public FakeClients Create(HttpSourceSettings settings, PageWanted wanted, TimeProvider time) => this;

        public void Answer(FetchOutcome outcome) => _answers.Writer.TryWrite(outcome);

        public async Task<FetchOutcome> FetchAsync(CancellationToken cancellation)
        {
            Interlocked.Increment(ref _fetches);
            return await _answers.Reader.ReadAsync(cancellation);
        }

        public void Dispose() => Disposed = true;
    }
}
