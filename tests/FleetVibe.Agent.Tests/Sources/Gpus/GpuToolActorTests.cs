using Akka.Actor;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.NvidiaSmi;
using FleetVibe.Agent.Tests.Sources.Kernel;
using static FleetVibe.Agent.Sources.SourceMessages;

namespace FleetVibe.Agent.Tests.Sources.Gpus;

public sealed class GpuToolActorTests : SourceActorTest
{
    private const string Header = "index, uuid, utilization.gpu [%], name";
    private static readonly NvidiaSmiSourceSettings Settings = new();

    private readonly FakeProcess _tool = new();

    [Fact]
    public async Task Each_tick_of_the_loop_is_one_report_of_all_gpus()
    {
        var source = await StartAsync();
        var run = await _tool.NextRunAsync();
        Assert.Equal(GpuQuery.Full.Arguments(Settings.SampleInterval), run.Arguments);
        run.Print(Header, "0, GPU-a, 10, A", "1, GPU-b, 20, B", "0, GPU-a, 30, A");
        var first = await Accumulator.ExpectMsgAsync<SourceReport>();
        Assert.Equal([("GPU-a", 10d), ("GPU-b", 20d)], first.Gpus.Select(gpu => (gpu.Gpu, gpu.GpuUtilPercent!.Value)));
        Assert.Equal(Time.GetUtcNow(), first.Gpus[0].At);
        run.Print("1, GPU-b, 40, B");
        source.Tell(ReportFolded.Instance);
        await AdvanceAsync(source, TimeSpan.FromMilliseconds(200));
        Assert.Equal([30d, 40d], (await Accumulator.ExpectMsgAsync<SourceReport>()).Gpus.Select(gpu => gpu.GpuUtilPercent!.Value));
    }

    [Fact]
    public async Task Samples_wait_while_a_report_is_folded_and_then_go_together()
    {
        var source = await StartAsync();
        var run = await _tool.NextRunAsync();
        run.Print(Header, "0, GPU-a, 1, A", "0, GPU-a, 2, A", "0, GPU-a, 3, A", "0, GPU-a, 4, A");
        await Accumulator.ExpectMsgAsync<SourceReport>();
        await HeardAsync(source);
        source.Tell(ReportFolded.Instance);
        Assert.Equal([2d, 3d], (await Accumulator.ExpectMsgAsync<SourceReport>()).Gpus.Select(gpu => gpu.GpuUtilPercent!.Value));
    }

    [Fact]
    public async Task A_field_the_driver_does_not_know_is_dropped_and_the_query_tried_again_at_once()
    {
        await StartAsync();
        var run = await _tool.NextRunAsync();
        run.Print("""Field "clocks_event_reasons.active" is not a valid field to query.""");
        run.End(2);
        run = await _tool.NextRunAsync();
        Assert.Contains("clocks_throttle_reasons.active", run.Arguments[0], StringComparison.Ordinal);
        run.Print("""Field "power.limit" is not a valid field to query.""");
        run.End(2);
        run = await _tool.NextRunAsync();
        Assert.DoesNotContain(",power.limit", run.Arguments[0], StringComparison.Ordinal);
        Assert.Contains("clocks_throttle_reasons.active", run.Arguments[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_up_once_a_row_was_read_and_unknown_before()
    {
        var source = await StartAsync();
        var run = await _tool.NextRunAsync();
        source.Tell(CollectDue.Instance);
        run.Print(Header, "0, GPU-a, 1, A", "0, GPU-a, 1, A");
        var first = await Accumulator.ExpectMsgAsync<SourceReport>();
        Assert.NotEmpty(first.Gpus);
        Assert.NotNull(first.Status);
        Assert.Null(first.Status.Error);
        source.Tell(ReportFolded.Instance);
        Assert.Null((await StatusAsync(source)).Error);
    }

    [Fact]
    public async Task A_tool_that_ends_is_started_again_after_a_pause_that_grows()
    {
        var source = await StartAsync();
        var attempt = 0;
        foreach (var pause in new[] { 1, 2, 4, 8, 16, 32, 60, 60 })
        {
            var run = await _tool.NextRunAsync();
            var said = $"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. {++attempt}";
            run.Print(said);
            run.End(9);
            await EndedAsync(source, said);
            var status = await StatusAsync(source);
            Assert.Equal(ErrorClass.ToolFailed, status.Error);
            Assert.Contains("no loaded NVIDIA driver", status.ErrorText, StringComparison.Ordinal);
            await AdvanceAsync(source, TimeSpan.FromSeconds(pause) - TimeSpan.FromMilliseconds(1));
            Assert.Equal(0, _tool.Waiting);
            await AdvanceAsync(source, TimeSpan.FromMilliseconds(1));
        }

        var good = await _tool.NextRunAsync();
        good.Print(Header, "0, GPU-a, 1, A", "0, GPU-a, 1, A");
        await Accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        Assert.Null((await StatusAsync(source)).Error);
        good.End(15);
        await EndedAsync(source, "lost a GPU");
        await AdvanceAsync(source, TimeSpan.FromSeconds(1));
        await _tool.NextRunAsync();
    }

    [Fact]
    public async Task A_silent_tool_is_killed_and_no_other_is_started_before_it_is_gone()
    {
        var source = await StartAsync();
        var run = await _tool.NextRunAsync();
        run.Print(Header);
        await AdvanceAsync(source, TimeSpan.FromSeconds(10) - TimeSpan.FromMilliseconds(1));
        Assert.False(run.Kill.IsCancellationRequested);
        await AdvanceAsync(source, TimeSpan.FromMilliseconds(1));
        await run.Killed;
        var status = await StatusAsync(source);
        Assert.Equal(ErrorClass.ToolFailed, status.Error);
        Assert.Contains("printed nothing for 10 s", status.ErrorText, StringComparison.Ordinal);
        await AdvanceAsync(source, TimeSpan.FromMinutes(5));
        Assert.Equal(0, _tool.Waiting);
        run.End(137);
        await AwaitConditionAsync(async () =>
        {
            await AdvanceAsync(source, TimeSpan.FromSeconds(1));
            return _tool.Waiting > 0;
        });
        Assert.Contains("printed nothing for 10 s", (await StatusAsync(source)).ErrorText, StringComparison.Ordinal);
        Assert.Equal(1, _tool.MostAtOnce);
    }

    [Fact]
    public async Task A_tool_that_only_complains_is_as_good_as_silent()
    {
        var source = await StartAsync();
        var run = await _tool.NextRunAsync();
        run.Print("Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.");
        await AdvanceAsync(source, TimeSpan.FromSeconds(10));
        await run.Killed;
    }

    [Fact]
    public async Task A_line_of_a_run_that_is_over_is_not_read()
    {
        var source = await StartAsync();
        var old = await _tool.NextRunAsync();
        old.Print(Header);
        old.End(9);
        await EndedAsync(source, "no loaded NVIDIA driver");
        await AdvanceAsync(source, TimeSpan.FromSeconds(1));
        (await _tool.NextRunAsync()).Print(Header);
        old.Print("0, GPU-a, 1, A", "0, GPU-a, 2, A");
        await HeardAsync(source);
        Assert.False(Accumulator.HasMessages);
    }

    [Fact]
    public async Task A_lost_board_and_what_the_kernel_says_of_it_are_events()
    {
        var log = new FakeKernelLog("NVRM: Xid (PCI:0000:3b:00): 79, x");
        var source = await StartAsync(null, () => new GpuWatch(new OwnProcesses([]), new FakeTable(), log));
        (await _tool.NextRunAsync()).Print("Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.");
        source.Tell(CollectDue.Instance);
        Assert.Equal([GpuWatch.LostKind], (await NextAsync(source)).Events.Select(told => told.Kind));
        source.Tell(CollectDue.Instance);
        Assert.Equal([XidWatch.Kind], (await NextAsync(source)).Events.Select(told => told.Kind));
    }

    [Fact]
    public async Task A_stopped_source_kills_its_tool()
    {
        var source = await StartAsync();
        var run = await _tool.NextRunAsync();
        Sys.Stop(source);
        await run.Killed;
    }

    [Fact]
    public async Task A_tool_that_cannot_be_started_says_what_to_do()
    {
        var source = await StartAsync();
        (await _tool.NextRunAsync()).Fail(new System.ComponentModel.Win32Exception("No such file or directory"));
        await EndedAsync(source, "No such file");
        var status = await StatusAsync(source);
        Assert.Equal(ErrorClass.ToolFailed, status.Error);
        Assert.Contains("set `command`", status.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tool_that_ends_by_itself_is_run_once_an_interval()
    {
        var settings = new GpuToolSourceSettings(GpuTools.AmdSmi);
        var source = await StartAsync(GpuToolActor.CreateProps(settings, () => GpuTools.Create(settings), Accumulator, Time, _tool), "amd_smi:amd_smi");
        for (var i = 0; i < 3; i++)
        {
            var run = await _tool.NextRunAsync();
            Assert.Equal(["metric", "--json"], run.Arguments);
            run.Print("WARNING: a word before", "[{\"gpu\": 0,", $"\"usage\": {{\"gfx_activity\": {{\"value\": {i}, \"unit\": \"%\"}}}}}}]");
            run.End(0);
            Assert.Equal(i, Assert.Single((await Accumulator.ExpectMsgAsync<SourceReport>()).Gpus).GpuUtilPercent);
            source.Tell(ReportFolded.Instance);
            await AdvanceAsync(source, TimeSpan.FromSeconds(5) - TimeSpan.FromMilliseconds(1));
            Assert.Equal(0, _tool.Waiting);
            await AdvanceAsync(source, TimeSpan.FromMilliseconds(1));
        }

        var failed = await _tool.NextRunAsync();
        failed.Print("ERROR: no driver");
        failed.End(1);
        await EndedAsync(source, "amd-smi failed (exit code 1): ERROR: no driver");
    }

    [Fact]
    public async Task Who_holds_memory_is_asked_beside_the_loop_and_never_twice_at_once()
    {
        var scanner = new FakeProcess();
        var table = new FakeTable { [7] = new ProcessFacts("miner", "", 1) };
        var source = await StartAsync(scanner, () => new GpuWatch(new OwnProcesses(["vllm"]), table, null));
        var run = await _tool.NextRunAsync();
        source.Tell(CollectDue.Instance);
        await HeardAsync(source);
        Assert.Equal(0, scanner.Waiting);

        run.Print(Header, "0, GPU-a, 10, A", "0, GPU-a, 11, A");
        await Accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        await StatusAsync(source);
        var scan = await scanner.NextRunAsync();
        Assert.StartsWith("--query-compute-apps=", scan.Arguments[0], StringComparison.Ordinal);
        await StatusAsync(source);
        await HeardAsync(source);
        Assert.Equal(0, scanner.Waiting);
        scan.Print("gpu_uuid, pid, process_name, used_gpu_memory [MiB]", "GPU-a, 7, miner, 512");
        scan.End(0);

        // The end comes from a pool thread: rows go on until one is marked.
        await AwaitConditionAsync(async () =>
        {
            run.Print("0, GPU-a, 12, A");
            await AdvanceAsync(source, TimeSpan.FromMilliseconds(200));
            return await TakeAllAsync(source, report => report.Gpus.Any(gpu => gpu is { ForeignProcesses: 1, ForeignMemoryBytes: 512L << 20 }));
        });
        Assert.Equal(1, scanner.MostAtOnce);
    }

    [Fact]
    public async Task A_second_query_that_hangs_is_killed_and_the_loop_goes_on()
    {
        var scanner = new FakeProcess();
        var source = await StartAsync(scanner, () => new GpuWatch(new OwnProcesses([]), new FakeTable(), null));
        var run = await _tool.NextRunAsync();
        run.Print(Header, "0, GPU-a, 10, A", "0, GPU-a, 11, A");
        await Accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        await StatusAsync(source);
        var scan = await scanner.NextRunAsync();
        await AdvanceAsync(source, TimeSpan.FromSeconds(8));
        await scan.Killed;
        Assert.Single((await Accumulator.ExpectMsgAsync<SourceReport>()).Gpus);
        source.Tell(ReportFolded.Instance);
        await StatusAsync(source);
        Assert.Equal(0, scanner.Waiting);
        Assert.False(run.Kill.IsCancellationRequested);
    }

    private Task<IActorRef> StartAsync() => StartAsync(null);

    private Task<IActorRef> StartAsync(FakeProcess? scanner, Func<GpuWatch>? createWatch = null) => StartAsync(
        GpuToolActor.CreateProps(Settings, () => new NvidiaSmiTool(Settings), Accumulator, Time, _tool, scanner, createWatch), "nvidia_smi:nvidia_smi");

    /// <summary>The end of a run comes from a pool thread: asks until the source tells of it.</summary>
    private Task EndedAsync(IActorRef source, string text) => AwaitConditionAsync(async () =>
    {
        source.Tell(CollectDue.Instance);
        await HeardAsync(source);
        return await TakeAllAsync(source, report => report.Status?.ErrorText.Contains(text, StringComparison.Ordinal) == true);
    });
}
