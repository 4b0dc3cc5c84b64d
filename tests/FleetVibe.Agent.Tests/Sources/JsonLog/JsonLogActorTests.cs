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
    private readonly LogFolder _log = new();
    private readonly FakeTimeProvider _time = new();
    private readonly TestProbe _accumulator;

    // Virtual time: the actor polls when the test says so.
    public JsonLogActorTests()
        : base("akka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"\nakka.loglevel = WARNING") =>
        _accumulator = CreateTestProbe();

    [Fact]
    public async Task It_starts_when_told_and_reads_on_only_when_its_report_was_folded()
    {
        _log.WriteLines(2);
        var source = await StartAsync();
        var first = await _accumulator.ExpectMsgAsync<SourceReport>();
        Assert.Equal(("json_log:app.jsonl", 2), (first.SourceKey, first.Requests.Count));
        Assert.NotNull(first.Checkpoint);
        _log.WriteLines(1);
        await PollAsync(source);
        await _accumulator.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        source.Tell(ReportFolded.Instance);
        await PollAsync(source);
        Assert.Single((await _accumulator.ExpectMsgAsync<SourceReport>()).Requests);
    }

    [Fact]
    public async Task It_catches_up_as_fast_as_reports_are_folded()
    {
        _log.WriteLines((LogBatch.MaxLines * 2) + 1);
        var source = await StartAsync();
        foreach (var expected in new[] { LogBatch.MaxLines, LogBatch.MaxLines, 1 })
        {
            Assert.Equal(expected, (await _accumulator.ExpectMsgAsync<SourceReport>()).Requests.Count);
            source.Tell(ReportFolded.Instance);
        }
    }

    [Fact]
    public async Task It_goes_on_where_the_last_folded_report_left_off()
    {
        _log.WriteLines(2);
        var source = await StartAsync();
        var folded = await _accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        _log.WriteLines(1);
        await PollAsync(source);
        await _accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(new StartSource(folded.Checkpoint, false, _time.GetUtcNow()));
        Assert.Equal([2], (await _accumulator.ExpectMsgAsync<SourceReport>()).Requests.Select(request => request.InputTokens));
    }

    [Fact]
    public async Task It_reports_how_it_goes_once_an_interval()
    {
        var source = await StartAsync();
        await _accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        var missing = await StatusAsync(source);
        Assert.Equal(ErrorClass.FileMissing, missing.Error);
        Assert.Contains(_log.Log, missing.ErrorText, StringComparison.Ordinal);

        _log.WriteLines(1);
        _log.Write("not json\n");
        await PollAsync(source);
        await _accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        var up = await StatusAsync(source);
        Assert.Equal((null, "", 1L, _time.GetUtcNow()), (up.Error, up.ErrorText, up.SamplesSkipped, up.At));
        Assert.Equal(0, (await StatusAsync(source)).SamplesSkipped);
    }

    [Fact]
    public async Task A_log_of_which_no_line_could_ever_be_read_is_not_healthy()
    {
        var settings = _log.Settings with { Model = null };
        _log.Write(string.Concat(Enumerable.Repeat("{\"timestamp\":1763964000}\n", 7)) + "plain text\nplain text\n");
        var source = await StartAsync(settings);
        await _accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        Assert.Null((await StatusAsync(source)).Error);

        _log.Write("plain text\n");
        await PollAsync(source);
        await _accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        var status = await StatusAsync(source);
        Assert.Equal(ErrorClass.WrongContent, status.Error);
        Assert.Contains("7 model_missing, 3 not_json", status.ErrorText, StringComparison.Ordinal);

        _log.Write("{\"timestamp\":1763964000,\"model\":\"m\"}\n");
        await PollAsync(source);
        await _accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        Assert.Null((await StatusAsync(source)).Error);
    }

    [Fact]
    public async Task Statistics_are_reported_as_gauges_and_other_lines_are_no_fault()
    {
        var settings = _log.Settings with { Format = "vllm_stats" };
        _log.Write("INFO 11-24 06:00:03 [api_server.py:1] ready\nINFO 11-24 06:00:04 [loggers.py:118] Engine 000: Avg prompt throughput: 1.0 tokens/s, Running: 4 reqs, Waiting: 2 reqs, GPU KV cache usage: 12.5%\n");
        var source = await StartAsync(settings);
        var report = await _accumulator.ExpectMsgAsync<SourceReport>();
        Assert.Equal((4, 2, 12.5), (report.Gauges[0].Running, report.Gauges[0].Waiting, report.Gauges[0].KvCachePercent));
        source.Tell(ReportFolded.Instance);
        var status = await StatusAsync(source);
        Assert.Equal((null, 0L), (status.Error, status.SamplesSkipped));
    }

    [Fact]
    public async Task A_log_with_a_thousand_lines_of_other_things_is_the_wrong_one()
    {
        _log.WriteLines(1000);
        var source = await StartAsync(_log.Settings with { Format = "uvicorn" });
        await _accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        var status = await StatusAsync(source);
        Assert.Equal(ErrorClass.WrongContent, status.Error);
        Assert.Contains("none of 1000 lines is an access line of a POST", status.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logs_of_a_pattern_are_one_source()
    {
        _log.WriteLines(2);
        File.WriteAllText(_log.PathOf("b.jsonl"), LogFolder.Line(7) + "\n");
        var source = Sys.ActorOf(JsonLogActor.CreateProps(_log.Settings with { Path = _log.PathOf("*.jsonl"), Name = "all" }, _accumulator, _time));
        await _accumulator.ExpectMsgAsync<SourceReady>();
        source.Tell(new StartSource(null, false, _time.GetUtcNow()));
        Assert.Equal([0, 1, 7], (await _accumulator.ExpectMsgAsync<SourceReport>()).Requests.Select(request => request.InputTokens));
    }

    [Fact]
    public async Task It_reads_nothing_while_a_status_is_folded()
    {
        var source = await StartAsync();
        await _accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        source.Tell(CollectDue.Instance);
        await _accumulator.ExpectMsgAsync<SourceReport>();
        _log.WriteLines(1);
        await PollAsync(source);
        await _accumulator.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        source.Tell(ReportFolded.Instance);
        await PollAsync(source);
        Assert.Single((await _accumulator.ExpectMsgAsync<SourceReport>()).Requests);
    }

    [Fact]
    public async Task A_status_that_falls_due_while_a_report_is_folded_goes_out_after_it()
    {
        _log.WriteLines(1);
        var source = await StartAsync();
        Assert.Null((await _accumulator.ExpectMsgAsync<SourceReport>()).Status);
        source.Tell(CollectDue.Instance);
        source.Tell(ReportFolded.Instance);
        Assert.NotNull((await _accumulator.ExpectMsgAsync<SourceReport>()).Status);
    }

    [Fact]
    public async Task The_first_skipped_line_of_each_reason_is_told_with_its_place()
    {
        _log.Write("not json\n");
        _log.WriteLines(1);
        var source = await StartAsync();
        await _accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        await EventFilter.Warning(contains: "lines were skipped and will be counted as such: 1 not_json (the first in app.jsonl at byte 0)")
            .ExpectOneAsync(() => StatusAsync(source));

        var before = new FileInfo(_log.Log).Length;
        _log.Write("not json\n{\"timestamp\":1763964000,\"model\":\"m\",\"duration_ms\":-1}\n");
        await EventFilter.Warning(contains: $"1 bad_duration (the first in app.jsonl at byte {before + 9})").ExpectOneAsync(() => StatusAsync(source));
        _log.Write("not json\n");
        await EventFilter.Warning(contains: "lines were skipped").ExpectAsync(0, async () => await StatusAsync(source));
    }

    [Fact]
    public async Task A_fault_of_the_reader_starts_again_behind_what_was_reported()
    {
        byte[] reported = [7];
        var first = new ScriptedTailer(() => new LogBatch { Checkpoint = reported }, () => throw new InvalidOperationException("a fault of the code"));
        var second = new ScriptedTailer(() => new LogBatch { Checkpoint = [8] });
        var begun = new List<byte[]?>();
        var source = await StartAsync(start =>
        {
            begun.Add(start.Checkpoint);
            return begun.Count == 1 ? first : second;
        });
        Assert.Equal(reported, (await _accumulator.ExpectMsgAsync<SourceReport>()).Checkpoint);
        source.Tell(ReportFolded.Instance);
        await EventFilter.Error(contains: "starting again at the last folded position").ExpectOneAsync(() => PollAsync(source));
        await PollAsync(source, TimeSpan.FromSeconds(1));
        Assert.Equal([8], (await _accumulator.ExpectMsgAsync<SourceReport>()).Checkpoint!);
        Assert.Equal([null, reported], begun);
    }

    [Fact]
    public async Task What_a_look_brings_after_a_new_start_is_dropped()
    {
        using var gate = new ManualResetEventSlim();
        var old = new ScriptedTailer(() =>
        {
            gate.Wait();
            return new LogBatch { Checkpoint = [7] };
        });
        var source = await StartAsync(start => start.Checkpoint is null ? old : new ScriptedTailer(() => new LogBatch { Checkpoint = [8] }, () => new LogBatch { Checkpoint = [9] }));
        source.Tell(new StartSource([1], false, _time.GetUtcNow()));
        Assert.Equal([8], (await _accumulator.ExpectMsgAsync<SourceReport>()).Checkpoint!);
        source.Tell(ReportFolded.Instance);
        gate.Set();
        await _accumulator.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        await PollAsync(source);
        Assert.Equal([9], (await _accumulator.ExpectMsgAsync<SourceReport>()).Checkpoint!);
    }

    [Fact]
    public async Task A_status_stands_for_a_look_that_began_after_it_was_asked_for()
    {
        using var gate = new ManualResetEventSlim();
        var tailer = new ScriptedTailer(
            () =>
            {
                gate.Wait();
                return new LogBatch { Checkpoint = [1] };
            },
            () => new LogBatch());
        var source = await StartAsync(_ => tailer);
        source.Tell(CollectDue.Instance);
        await source.Ask<ActorIdentity>(new Identify(0));
        gate.Set();
        Assert.Null((await _accumulator.ExpectMsgAsync<SourceReport>()).Status);
        source.Tell(ReportFolded.Instance);
        Assert.NotNull((await _accumulator.ExpectMsgAsync<SourceReport>()).Status);
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
        _log.Dispose();
    }

    private Task<IActorRef> StartAsync(JsonLogSourceSettings? settings = null) =>
        StartAsync(JsonLogActor.CreateProps(settings ?? _log.Settings, _accumulator, _time));

    private Task<IActorRef> StartAsync(Func<StartSource, ILogTailer> open) =>
        StartAsync(JsonLogActor.CreateProps(_log.Settings, _accumulator, _time, open));

    private async Task<IActorRef> StartAsync(Props props)
    {
        var source = Sys.ActorOf(props);
        Assert.Equal("json_log:app.jsonl", (await _accumulator.ExpectMsgAsync<SourceReady>()).SourceKey);
        source.Tell(new StartSource(null, false, _time.GetUtcNow()));
        return source;
    }

    private async Task PollAsync(IActorRef source, TimeSpan? wait = null)
    {
        await source.Ask<ActorIdentity>(new Identify(0));
        ((TestScheduler)Sys.Scheduler).Advance(wait ?? _log.Settings.Poll);
    }

    private async Task<CollectionStatus> StatusAsync(IActorRef source)
    {
        source.Tell(CollectDue.Instance);
        var status = (await _accumulator.ExpectMsgAsync<SourceReport>()).Status;
        source.Tell(ReportFolded.Instance);
        Assert.NotNull(status);
        return status;
    }

    private sealed class ScriptedTailer(params Func<LogBatch>[] looks) : ILogTailer
    {
        private int _next;

        public LogBatch Poll() => looks[_next++]();

        public void Dispose()
        {
        }
    }
}
