using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Tests.Sources.Gpus;

public sealed class GpuReporterTests : SourceActorTest
{
    private readonly GpuReporter _reporter;

    public GpuReporterTests() => _reporter = new GpuReporter(
        new NvidiaSmiSourceSettings(), Accumulator, ActorRefs.Nobody, Time, null, Logging.GetLogger(Sys, "gpus"), "the tool", () => TimeSpan.FromSeconds(10));

    [Fact]
    public async Task What_finds_no_room_while_nothing_is_folded_is_counted()
    {
        Read(1);
        await ReportAsync();
        Read(1030);
        _reporter.OnCollectDue(isStarted: true);
        _reporter.OnFolded();
        var report = await ReportAsync();
        Assert.Equal((1024, "6", 6L), (report.Gpus.Count, report.Gpus[0].Gpu, report.Status!.SamplesSkipped));
    }

    [Fact]
    public async Task After_a_failed_accumulator_the_next_report_waits_for_no_fold()
    {
        Read(1);
        await ReportAsync();
        _reporter.Start(null);
        Read(2);
        Assert.Equal(2, (await ReportAsync()).Gpus.Count);
    }

    [Fact]
    public async Task A_source_is_up_while_its_last_sample_is_fresh_and_unknown_after()
    {
        Read(1);
        await ReportAsync();
        _reporter.OnFolded();
        _reporter.OnCollectDue(isStarted: true);
        Assert.True((await ReportAsync()).Status!.IsUp);
        _reporter.OnFolded();
        Time.Advance(TimeSpan.FromSeconds(9));
        _reporter.OnCollectDue(isStarted: true);
        Assert.True((await ReportAsync()).Status!.IsUp);
        _reporter.OnFolded();
        Time.Advance(TimeSpan.FromSeconds(1));
        _reporter.OnCollectDue(isStarted: true);
        Assert.False(Accumulator.HasMessages);
        _reporter.Fail("it fell silent", ErrorClass.Timeout);
        _reporter.ReportIfDue();
        var status = (await ReportAsync()).Status!;
        Assert.Equal((ErrorClass.Timeout, "it fell silent"), (status.Error, status.ErrorText));
    }

    [Fact]
    public async Task A_failure_is_said_once_until_samples_come_again() =>
        await EventFilter.Warning("it fails").ExpectAsync(2, () =>
        {
            _reporter.Fail("it fails");
            _reporter.Fail("it fails");
            Read(1);
            _reporter.Fail("it fails");
            return Task.CompletedTask;
        });

    private Task<SourceReport> ReportAsync() => Accumulator.ExpectMsgAsync<SourceReport>().AsTask();

    private void Read(int samples)
    {
        _reporter.Alive();
        _reporter.Add(Enumerable.Range(0, samples).Select(i => new GpuSample($"{i}", i, "", Time.GetUtcNow())));
    }
}
