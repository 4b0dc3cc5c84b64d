using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog;
using Microsoft.Extensions.Time.Testing;
using static FleetVibe.Agent.Sources.SourceMessages;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

public sealed class JsonLogActorTests : TestKit
{
    private readonly LogFolder log = new();
    private readonly FakeTimeProvider time = new();
    private readonly TestProbe accumulator;

    // Virtual time: the actor polls when the test says so.
    public JsonLogActorTests()
        : base("akka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"\nakka.loglevel = WARNING") =>
        accumulator = CreateTestProbe();

    [Fact]
    public async Task It_starts_when_told_and_reads_on_only_when_its_report_was_folded()
    {
        log.WriteLines(2);
        var source = await StartAsync();
        var first = await accumulator.ExpectMsgAsync<SourceReport>();
        Assert.Equal(("json_log:app.jsonl", 2), (first.SourceKey, first.Requests.Count));
        Assert.NotNull(first.Checkpoint);
        log.WriteLines(1);
        await PollAsync(source);
        await accumulator.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        source.Tell(ReportFolded.Instance);
        await PollAsync(source);
        Assert.Single((await accumulator.ExpectMsgAsync<SourceReport>()).Requests);
    }

    [Fact]
    public async Task It_catches_up_as_fast_as_reports_are_folded()
    {
        log.WriteLines((LogBatch.MaxLines * 2) + 1);
        var source = await StartAsync();
        foreach (var expected in new[] { LogBatch.MaxLines, LogBatch.MaxLines, 1 })
        {
            Assert.Equal(expected, (await accumulator.ExpectMsgAsync<SourceReport>()).Requests.Count);
            source.Tell(ReportFolded.Instance);
        }
    }

    [Fact]
    public async Task It_goes_on_where_the_last_folded_report_left_off()
    {
        log.WriteLines(2);
        var source = await StartAsync();
        var folded = await accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        log.WriteLines(1);
        await PollAsync(source);
        await accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(new StartSource(folded.Checkpoint, false, time.GetUtcNow()));
        Assert.Equal([2], (await accumulator.ExpectMsgAsync<SourceReport>()).Requests.Select(request => request.InputTokens));
    }

    [Fact]
    public async Task It_reports_how_it_goes_once_an_interval()
    {
        var source = await StartAsync();
        await accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        var missing = await StatusAsync(source);
        Assert.Equal(ErrorClass.FileMissing, missing.Error);
        Assert.Contains(log.Log, missing.ErrorText, StringComparison.Ordinal);

        log.WriteLines(1);
        log.Write("not json\n");
        await PollAsync(source);
        await accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        var up = await StatusAsync(source);
        Assert.Equal((null, "", 1L, time.GetUtcNow()), (up.Error, up.ErrorText, up.SamplesSkipped, up.At));
        Assert.Equal(0, (await StatusAsync(source)).SamplesSkipped);
    }

    [Fact]
    public async Task A_log_of_which_no_line_could_ever_be_read_is_not_healthy()
    {
        var settings = log.Settings with { Model = null };
        log.Write(string.Concat(Enumerable.Repeat("{\"timestamp\":1763964000}\n", 7)) + "plain text\nplain text\n");
        var source = await StartAsync(settings);
        await accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        Assert.Null((await StatusAsync(source)).Error);

        log.Write("plain text\n");
        await PollAsync(source);
        await accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        var status = await StatusAsync(source);
        Assert.Equal(ErrorClass.WrongContent, status.Error);
        Assert.Contains("7 model_missing, 3 not_json", status.ErrorText, StringComparison.Ordinal);

        log.Write("{\"timestamp\":1763964000,\"model\":\"m\"}\n");
        await PollAsync(source);
        await accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        Assert.Null((await StatusAsync(source)).Error);
    }

    [Fact]
    public async Task Statistics_are_reported_as_gauges_and_other_lines_are_no_fault()
    {
        var settings = log.Settings with { Format = "vllm_stats" };
        log.Write("INFO 11-24 06:00:03 [api_server.py:1] ready\nINFO 11-24 06:00:04 [loggers.py:118] Engine 000: Avg prompt throughput: 1.0 tokens/s, Running: 4 reqs, Waiting: 2 reqs, GPU KV cache usage: 12.5%\n");
        var source = await StartAsync(settings);
        var report = await accumulator.ExpectMsgAsync<SourceReport>();
        Assert.Equal((4, 2, 12.5), (report.Gauges[0].Running, report.Gauges[0].Waiting, report.Gauges[0].KvCachePercent));
        source.Tell(ReportFolded.Instance);
        var status = await StatusAsync(source);
        Assert.Equal((null, 0L), (status.Error, status.SamplesSkipped));
    }

    [Fact]
    public async Task A_log_with_a_thousand_lines_of_other_things_is_the_wrong_one()
    {
        log.WriteLines(1000);
        var source = await StartAsync(log.Settings with { Format = "uvicorn" });
        await accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        var status = await StatusAsync(source);
        Assert.Equal(ErrorClass.WrongContent, status.Error);
        Assert.Contains("none of 1000 lines is an access line of a POST", status.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logs_of_a_pattern_are_one_source()
    {
        log.WriteLines(2);
        File.WriteAllText(log.PathOf("b.jsonl"), LogFolder.Line(7) + "\n");
        var source = Sys.ActorOf(JsonLogActor.CreateProps(log.Settings with { Path = log.PathOf("*.jsonl"), Name = "all" }, accumulator, time));
        await accumulator.ExpectMsgAsync<SourceReady>();
        source.Tell(new StartSource(null, false, time.GetUtcNow()));
        Assert.Equal([0, 1, 7], (await accumulator.ExpectMsgAsync<SourceReport>()).Requests.Select(request => request.InputTokens));
    }

    [Fact]
    public async Task It_reads_nothing_while_a_status_is_folded()
    {
        var source = await StartAsync();
        await accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        source.Tell(CollectDue.Instance);
        await accumulator.ExpectMsgAsync<SourceReport>();
        log.WriteLines(1);
        await PollAsync(source);
        await accumulator.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        source.Tell(ReportFolded.Instance);
        await PollAsync(source);
        Assert.Single((await accumulator.ExpectMsgAsync<SourceReport>()).Requests);
    }

    [Fact]
    public async Task A_status_that_falls_due_while_a_report_is_folded_goes_out_after_it()
    {
        log.WriteLines(1);
        var source = await StartAsync();
        Assert.Null((await accumulator.ExpectMsgAsync<SourceReport>()).Status);
        source.Tell(CollectDue.Instance);
        source.Tell(ReportFolded.Instance);
        Assert.NotNull((await accumulator.ExpectMsgAsync<SourceReport>()).Status);
    }

    [Fact]
    public async Task The_first_skipped_line_of_each_reason_is_told_with_its_place()
    {
        log.Write("not json\n");
        log.WriteLines(1);
        var source = await StartAsync();
        await accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        await EventFilter.Warning(contains: "lines were skipped and will be counted as such: 1 not_json (the first in app.jsonl at byte 0)")
            .ExpectOneAsync(() => StatusAsync(source));

        var before = new FileInfo(log.Log).Length;
        log.Write("not json\n{\"timestamp\":1763964000,\"model\":\"m\",\"duration_ms\":-1}\n");
        await EventFilter.Warning(contains: $"1 bad_duration (the first in app.jsonl at byte {before + 9})").ExpectOneAsync(() => StatusAsync(source));
        log.Write("not json\n");
        await EventFilter.Warning(contains: "lines were skipped").ExpectAsync(0, async () => await StatusAsync(source));
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

    protected override void AfterAll()
    {
        base.AfterAll();
        log.Dispose();
    }

    private async Task<IActorRef> StartAsync(JsonLogSourceSettings? settings = null)
    {
        var source = Sys.ActorOf(JsonLogActor.CreateProps(settings ?? log.Settings, accumulator, time));
        Assert.Equal("json_log:app.jsonl", (await accumulator.ExpectMsgAsync<SourceReady>()).SourceKey);
        source.Tell(new StartSource(null, false, time.GetUtcNow()));
        return source;
    }

    private async Task PollAsync(IActorRef source)
    {
        await source.Ask<ActorIdentity>(new Identify(0));
        ((TestScheduler)Sys.Scheduler).Advance(log.Settings.Poll);
    }

    private async Task<CollectionStatus> StatusAsync(IActorRef source)
    {
        source.Tell(CollectDue.Instance);
        var status = (await accumulator.ExpectMsgAsync<SourceReport>()).Status;
        source.Tell(ReportFolded.Instance);
        Assert.NotNull(status);
        return status;
    }
}
