using Akka.Actor;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Kernel;
using Microsoft.Extensions.Time.Testing;
using static FleetVibe.Agent.Sources.SourceMessages;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Sources.Kernel;

public sealed class KernelActorTests : TestKit
{
    private const string Kill = "Out of memory: Killed process 4711 (VLLM::EngineCor) total-vm:9kB, anon-rss:31457280kB";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _file = Path.GetTempFileName();
    private readonly FakeTimeProvider _time = new(At(5));

    protected override void AfterAll()
    {
        base.AfterAll();
        File.Delete(_file);
    }

    [Fact]
    public async Task A_kill_is_an_event_and_what_was_there_before_the_first_look_is_none()
    {
        Append(Kill);
        var source = await StartAsync(null);
        var first = await CollectAsync(source);
        Assert.True(first.Status!.IsUp);
        Assert.Empty(first.Events);
        Append("usb 1-1: new device");
        Append(Kill);

        var killed = Assert.Single((await CollectAsync(source)).Events);
        Assert.Equal(("oom_kill", EventSeverity.Error, At(5)), (killed.Kind, killed.Severity, killed.At));
        Assert.Equal("the kernel killed VLLM::EngineCor (process 4711), which held 30.0 GiB: the machine has no memory left", killed.Text);
    }

    [Fact]
    public async Task A_restart_tells_what_happened_meanwhile_and_nothing_twice()
    {
        var source = await StartAsync(null);
        var checkpoint = (await CollectAsync(source)).Checkpoint;
        Append(Kill);
        var last = await CollectAsync(source);

        var again = await StartAsync(checkpoint);
        Assert.Single((await CollectAsync(again)).Events);
        again = await StartAsync(last.Checkpoint);
        Assert.Empty((await CollectAsync(again)).Events);
    }

    [Fact]
    public async Task A_log_that_is_not_there_is_down_with_the_cure_and_comes_back()
    {
        File.Delete(_file);
        var source = await StartAsync(null);
        var status = (await CollectAsync(source)).Status!;
        Assert.Equal((ErrorClass.FileMissing, false), (status.Error, status.IsUp));
        Assert.Contains("set kernel_log to a file that holds the kernel's messages", status.ErrorText, StringComparison.Ordinal);
        Append("x");

        Assert.True((await CollectAsync(source)).Status!.IsUp);
    }

    [Fact]
    public async Task A_collection_that_is_due_while_a_report_waits_comes_after_it()
    {
        var source = await StartAsync(null);
        source.Tell(CollectDue.Instance);
        await ExpectMsgAsync<SourceReport>(Patience);
        source.Tell(CollectDue.Instance);
        await source.Ask<ActorIdentity>(new Identify(1), Patience);
        Assert.False(HasMessages);
        source.Tell(ReportFolded.Instance);

        await ExpectMsgAsync<SourceReport>(Patience);
    }

    private void Append(string line) => File.AppendAllText(_file, line + "\n");

    private async Task<IActorRef> StartAsync(byte[]? checkpoint)
    {
        var settings = new KernelSourceSettings { KernelLog = _file };
        var source = Sys.ActorOf(KernelActor.CreateProps(settings, () => new KernelLog(_file), TestActor, _time));
        Assert.Equal("kernel:kernel", (await ExpectMsgAsync<SourceReady>(Patience)).SourceKey);
        source.Tell(new StartSource(checkpoint, false, At(0)));
        return source;
    }

    private async Task<SourceReport> CollectAsync(IActorRef source)
    {
        source.Tell(CollectDue.Instance);
        var report = await ExpectMsgAsync<SourceReport>(Patience);
        source.Tell(ReportFolded.Instance);
        return report;
    }
}
