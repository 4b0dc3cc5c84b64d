using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.Kernel;
using FleetVibe.Agent.Tests.Sources.Kernel;

namespace FleetVibe.Agent.Tests.Sources.Gpus;

public sealed class XidTests : IDisposable
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddDays(1);

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("NVRM: Xid (PCI:0000:9b:00): 119, pid=2024380, name=nvidia-smi, Timeout after 6s", "0000:9b:00", 119, "pid=2024380, name=nvidia-smi, Timeout after 6s")]
    [InlineData("NVRM: Xid (0000:03:00): 14, Channel 00000001", "0000:03:00", 14, "Channel 00000001")]
    [InlineData("Nov 28 16:00:00 gpu-1 kernel: [  12.5] NVRM: Xid (PCI:0000:01:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.", "0000:01:00", 79, "pid='<unknown>', name=<unknown>, GPU has fallen off the bus.")]
    [InlineData("NVRM: Xid (PCI:0000:04:00): 145, RLW_SRC_TRACK Nonfatal XC0 i0 Link 00 (0x00000007)", "0000:04:00", 145, "RLW_SRC_TRACK Nonfatal XC0 i0 Link 00 (0x00000007)")]
    [InlineData("NVRM: Xid (PCI:0000:0A:00): 31", "0000:0a:00", 31, "")]
    public void A_report_is_read(string line, string pci, int number, string text) => Assert.Equal(new Xid(pci, number, text), Xid.In(line));

    [Theory]
    [InlineData("NVRM: GPU at PCI:0000:9b:00: GPU-509665ad-b600-ac93-3616-d754b23d636d")]
    [InlineData("NVRM: Xid (PCI:nonsense): 31, x")]
    [InlineData("NVRM: Xid (PCI:0000:9b:00): x")]
    [InlineData("")]
    public void Another_line_is_none(string line) => Assert.Null(Xid.In(line));

    [Theory]
    [InlineData("00000000:0C:00.0", "0000:0c:00")]
    [InlineData("00010000:9B:1F.0", "10000:9b:1f")]
    [InlineData("PCI:0000:9b:00", "0000:9b:00")]
    [InlineData("0000:83:00.0", "0000:83:00")]
    [InlineData("[N/A]", null)]
    [InlineData("", null)]
    public void All_ways_to_write_an_address_are_one(string text, string? address) => Assert.Equal(address, PciAddress.Normalize(text));

    [Fact]
    public void A_fault_is_told_at_once_and_its_repetitions_together_after_a_minute()
    {
        var watch = new XidWatch();
        var fault = new Xid("0000:9b:00", 119, "Timeout");
        var first = watch.Take(fault, Now, isOld: false)!;
        Assert.Equal((XidWatch.Kind, EventSeverity.Error, Now), (first.Kind, first.Severity, first.At));
        Assert.Equal("XID 119 of GPU 0000:9b:00: the GPU's system processor does not answer: reset the GPU (Timeout)", first.Text);
        Assert.Null(watch.Take(fault, Now.AddSeconds(6), isOld: false));
        Assert.Null(watch.Take(fault, Now.AddSeconds(59), isOld: false));
        Assert.NotNull(watch.Take(fault with { Number = 79 }, Now.AddSeconds(59), isOld: false));
        Assert.NotNull(watch.Take(fault with { Pci = "0000:0a:00" }, Now.AddSeconds(59), isOld: false));
        Assert.Empty(watch.Due(Now.AddSeconds(59)));
        var more = Assert.Single(watch.Due(Now.AddSeconds(60)));
        Assert.Equal(("XID 119 of GPU 0000:9b:00: 2 more within 60 s", Now.AddSeconds(59)), (more.Text, more.At));
        Assert.Empty(watch.Due(Now.AddSeconds(200)));
        Assert.NotNull(watch.Take(fault, Now.AddSeconds(61), isOld: false));
    }

    [Fact]
    public void What_was_there_before_anybody_watched_is_remembered_and_not_told()
    {
        var watch = new XidWatch();
        Assert.Null(watch.Take(new Xid("0000:9b:00", 48, ""), Now, isOld: true));
        Assert.Equal(48, watch.Last["0000:9b:00"]);
    }

    [Fact]
    public void A_restart_goes_on_where_the_checkpoint_stands_and_knows_the_last_fault()
    {
        File.WriteAllText(_file, "NVRM: Xid (PCI:0000:9b:00): 13, before\n");
        using var first = Watch();
        first.LookAtLog(Now);
        File.AppendAllText(_file, "NVRM: Xid (PCI:0000:9b:00): 79, fell\n");
        first.LookAtLog(Now);
        var (events, checkpoint) = first.Take();
        Assert.Equal("XID 79 of GPU 0000:9b:00: the GPU fell off the bus: restart the machine, look at power and seating (fell)", Assert.Single(events).Text);
        Assert.Equal(79, first.Mark(Sample()).XidLast);
        (events, var unchanged) = first.Take();
        Assert.Empty(events);
        Assert.Null(unchanged);

        File.AppendAllText(_file, "NVRM: Xid (PCI:0000:0a:00): 31, while down\n");
        using var second = Watch();
        second.Restore(checkpoint);
        Assert.Equal(79, second.Mark(Sample()).XidLast);
        second.LookAtLog(Now);
        Assert.Contains("XID 31", Assert.Single(second.Take().Events).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_the_past_that_the_kernel_still_knows_only_the_last_fault_is_taken()
    {
        using var watch = new GpuWatch(new OwnProcesses([]), new FakeTable(), new FakeKernelLog("NVRM: Xid (PCI:0000:9b:00): 13, a", "NVRM: Xid (PCI:0000:9b:00): 79, b"));
        watch.LookAtLog(Now);
        Assert.Equal(79, watch.Mark(Sample()).XidLast);
        var (events, checkpoint) = watch.Take();
        Assert.Empty(events);
        Assert.NotNull(checkpoint);
        watch.LookAtLog(Now);
        Assert.Equal(2, watch.Take().Events.Count);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public void A_kill_for_want_of_memory_is_told_unless_another_source_tells_it(bool tells, int events)
    {
        using var watch = new GpuWatch(new OwnProcesses([]), new FakeTable(), new FakeKernelLog("Out of memory: Killed process 7 (python3)"), tells);
        watch.LookAtLog(Now);
        Assert.Empty(watch.Take().Events);
        watch.LookAtLog(Now);
        Assert.Equal(events, watch.Take().Events.Count(told => told.Kind == "oom_kill"));
    }

    [Fact]
    public void The_drivers_own_report_counts_only_where_the_kernels_is_not_read()
    {
        using var blind = new GpuWatch(new OwnProcesses([]), new FakeTable(), null);
        blind.TakeFromDriver(new Xid("0000:9b:00", 63, ""), Now);
        Assert.Single(blind.Take().Events);
        using var seeing = Watch();
        seeing.LookAtLog(Now);
        seeing.TakeFromDriver(new Xid("0000:9b:00", 63, ""), Now);
        Assert.Empty(seeing.Take().Events);
    }

    [Fact]
    public void While_the_kernels_log_cannot_be_read_the_drivers_report_counts_and_then_nothing_is_missed()
    {
        using var log = new FakeKernelLog("NVRM: Xid (PCI:0000:9b:00): 79, x");
        using var watch = new GpuWatch(new OwnProcesses([]), new FakeTable(), log);
        watch.LookAtLog(Now);
        log.Problem = "it may not be read";
        watch.LookAtLog(Now);
        watch.TakeFromDriver(new Xid("0000:9b:00", 63, ""), Now);
        var (events, checkpoint) = watch.Take();
        Assert.Single(events);
        log.Problem = null;
        watch.LookAtLog(Now);
        Assert.Contains("XID 79", Assert.Single(watch.Take().Events).Text, StringComparison.Ordinal);

        using var restarted = new GpuWatch(new OwnProcesses([]), new FakeTable(), null);
        restarted.Restore(checkpoint);
        Assert.Equal(63, restarted.Mark(Sample()).XidLast);
    }

    [Fact]
    public void A_checkpoint_that_cannot_be_read_makes_the_log_a_past_that_is_not_told()
    {
        using var watch = new GpuWatch(new OwnProcesses([]), new FakeTable(), new FakeKernelLog("NVRM: Xid (PCI:0000:9b:00): 79, x"));
        watch.Restore([0xFF, 0xFF]);
        watch.LookAtLog(Now);
        Assert.Empty(watch.Take().Events);
    }

    [Fact]
    public void Repetitions_are_told_although_the_clock_was_set_back()
    {
        var watch = new XidWatch();
        watch.Take(new Xid("0000:9b:00", 79, ""), Now, isOld: false);
        watch.Take(new Xid("0000:9b:00", 79, ""), Now, isOld: false);
        Assert.Single(watch.Due(Now.AddHours(-1)));
    }

    [Fact]
    public void A_row_that_cannot_be_replaced_is_told_once()
    {
        using var watch = new GpuWatch(new OwnProcesses([]), new FakeTable(), null);
        watch.Mark(Sample() with { RemapFailed = true });
        watch.Mark(Sample() with { RemapFailed = true });
        Assert.Equal(EventSeverity.Error, Assert.Single(watch.Take().Events).Severity);
    }

    [Theory]
    [InlineData("Unable to determine the device handle for GPU0000:3B:00.0: GPU is lost.  Reboot the system to recover this GPU", 1)]
    [InlineData("0, [GPU is lost], [GPU is lost], 1", 1)]
    [InlineData("Failed to initialize NVML: Unknown Error", 0)]
    public void A_text_of_a_lost_board_is_told_once(string text, int events)
    {
        using var watch = new GpuWatch(new OwnProcesses([]), new FakeTable(), null);
        watch.TakeText(text, Now);
        watch.TakeText(text, Now.AddSeconds(1));
        Assert.Equal(events, watch.Take().Events.Count(told => told is { Kind: GpuWatch.LostKind, Severity: EventSeverity.Error }));
    }

    [RecordingFact]
    public void Recorded_reports_are_read()
    {
        var lines = Directory.GetFiles(Path.Combine(Recordings.Folder!, "gpu", "xid")).SelectMany(File.ReadAllLines)
            .Where(line => line.Contains("NVRM: Xid (", StringComparison.Ordinal)).ToList();
        Assert.True(lines.Count > 20);
        Assert.All(lines, line => Assert.Equal(line.Contains("(invalid)", StringComparison.Ordinal), Xid.In(line) is null));
    }

    private static GpuSample Sample() => new("GPU-a", 0, "", Now) { Pci = "0000:9b:00" };

    private GpuWatch Watch() => new(new OwnProcesses([]), new FakeTable(), new KernelLog(_file));
}
