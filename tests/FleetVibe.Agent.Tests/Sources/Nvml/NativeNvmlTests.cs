using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.Nvml;

namespace FleetVibe.Agent.Tests.Sources.Nvml;

/// <summary>Calls through the real loader into a compiled library: names, versions, layouts and answers.</summary>
public sealed class NativeNvmlTests
{
    private const string First = "GPU-11111111-0000-0000-0000-000000000000";
    private const string Second = "GPU-22222222-0000-0000-0000-000000000000";
    private const string Instance = "MIG-33333333-0000-0000-0000-000000000000";
    private const long GiB = 1L << 30;

    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddDays(1);

    [StubFact]
    public void A_driver_of_today_is_read_whole()
    {
        using var stub = new StubLibrary();
        var reader = new NvmlReader(NativeNvml.Load(stub.Path, out _)!, _ => { });
        var reading = reader.Read(Now, TimeSpan.Zero, scan: true);
        Assert.Null(reading.Failure);
        Assert.Equal("590.48.01", reader.Driver);
        Assert.Equal(
            new GpuSample(First, 0, "NVIDIA H100 80GB HBM3", Now)
            {
                GpuUtilPercent = 97,
                MemoryUtilPercent = 11,
                MemoryUsedBytes = 29 * GiB,
                MemoryTotalBytes = 80 * GiB,
                TemperatureC = 62,
                PowerW = 350.5,
                PowerLimitW = 700,
                SmClockMhz = 1980,
                Throttled = true,
                ThrottleReasons = reading.Samples[0].ThrottleReasons,
                EccUncorrected = 3,
                EccCorrected = 40_000_000_000,
                RemappedRows = 7,
                RemapPending = true,
                RemapFailed = false,
                Pci = "0000:9b:00",
            },
            reading.Samples[0]);
        Assert.Equal(["hw_thermal_slowdown"], reading.Samples[0].ThrottleReasons);
        Assert.Equal((Second, (double?)null, "0000:ab:00"), (reading.Samples[1].Gpu, reading.Samples[1].GpuUtilPercent, reading.Samples[1].Pci));
        Assert.Equal([new Xid("0000:9b:00", 79, "")], reading.Xids);

        var instance = Assert.Single(reading.Scan!.Instances);
        Assert.Equal((Instance, 1, "NVIDIA H100 MIG 3g.40gb", 40 * GiB), (instance.Gpu, instance.Index, instance.Name, instance.MemoryTotalBytes));
        Assert.Equal([First, Second, Instance], reading.Scan.Gpus);
        Assert.Equal(
            [new GpuProcess(First, 101, "", GiB), new GpuProcess(First, 102, "", null), new GpuProcess(Instance, 101, "", GiB), new GpuProcess(Instance, 102, "", null)],
            reading.Scan.Processes);

        // 400 J per call of the counter, and two boards call it: 800 J in 2 s.
        Assert.Equal(400, reader.Read(Now, TimeSpan.FromSeconds(2), scan: false).Samples[0].PowerW);
        Assert.Equal(1, stub.Inits);
        reader.Close();
        Assert.Equal(0, stub.Inits);
    }

    [StubFact]
    public void An_old_driver_is_read_by_its_old_functions()
    {
        using var stub = new StubLibrary("OLD");
        var reading = new NvmlReader(NativeNvml.Load(stub.Path, out _)!, _ => { }).Read(Now, TimeSpan.Zero, scan: true);
        var sample = Assert.Single(reading.Samples);
        Assert.Equal((97d, 30 * GiB, 61d, 350.5), (sample.GpuUtilPercent, sample.MemoryUsedBytes, sample.TemperatureC, sample.PowerW));
        Assert.Equal((false, "sw_power_cap"), (sample.Throttled, sample.ThrottleReasons.Single()));
        Assert.Null(sample.PowerLimitW);
        Assert.Null(sample.RemappedRows);
        Assert.Null(sample.Pci);
        Assert.Equal([new GpuProcess(First, 101, "", GiB), new GpuProcess(First, 102, "", null)], reading.Scan!.Processes);
    }

    [StubFact]
    public void A_driver_whose_list_has_longer_elements_is_asked_for_the_version_before()
    {
        using var stub = new StubLibrary("LONG");
        var reading = new NvmlReader(NativeNvml.Load(stub.Path, out _)!, _ => { }).Read(Now, TimeSpan.Zero, scan: true);
        Assert.Equal([new GpuProcess(First, 101, "", GiB), new GpuProcess(First, 102, "", null)], reading.Scan!.Processes.Take(2));
    }

    [StubFact]
    public void A_lost_board_is_told_and_a_lost_driver_opened_anew()
    {
        using var stub = new StubLibrary();
        var reader = new NvmlReader(NativeNvml.Load(stub.Path, out _)!, _ => { });
        Assert.Equal(2, reader.Read(Now, TimeSpan.Zero, scan: false).Samples.Count);
        stub.Answer(15);
        var lost = reader.Read(Now, TimeSpan.FromSeconds(1), scan: false);
        Assert.Equal([Second], lost.Samples.Select(gpu => gpu.Gpu));
        Assert.Equal($"GPU 0 ({First}) is lost: restart the machine", Assert.Single(lost.Events).Text);
        stub.Answer(9);
        Assert.Equal([Second], reader.Read(Now, TimeSpan.FromSeconds(2), scan: false).Samples.Select(gpu => gpu.Gpu));
        Assert.Equal("NVML: no NVIDIA driver is loaded: load or install it (NVML answers 9)", reader.Read(Now, TimeSpan.FromSeconds(40), scan: false).Failure);
        Assert.Equal(0, stub.Inits);
        Assert.StartsWith("nvmlInit: no NVIDIA driver is loaded", reader.Read(Now, TimeSpan.FromSeconds(41), scan: false).Failure, StringComparison.Ordinal);
        stub.Answer(0);
        Assert.Equal(2, reader.Read(Now, TimeSpan.FromSeconds(42), scan: false).Samples.Count);
    }

    [StubFact]
    public async Task A_call_that_hangs_keeps_its_thread_and_no_other_is_made()
    {
        using var stub = new StubLibrary();
        using var thread = new NvmlThread();
        var nvml = NativeNvml.Load(stub.Path, out _)!;
        var reader = new NvmlReader(nvml, call => thread.Call = call);
        stub.Hang(true);
        var done = new TaskCompletionSource<NvmlReading>(TaskCreationOptions.RunContinuationsAsynchronously);
        Assert.True(thread.TryRun(() => reader.Read(Now, TimeSpan.Zero, scan: false), (reading, _) => done.SetResult(reading!)));
        while (!stub.IsWaiting)
        {
            await Task.Yield();
        }

        Assert.Equal("nvmlDeviceGetPowerUsage of GPU 0", thread.Call);
        Assert.False(thread.TryRun(() => 0, (_, _) => Assert.Fail("a second thing was done beside the hanging one")));
        stub.Hang(false);
        Assert.Equal(2, (await done.Task.WaitAsync(TimeSpan.FromSeconds(30))).Samples.Count);
        Assert.True(thread.TryRun(() => 0, (_, _) => { }));
    }

    [Fact]
    public void A_library_that_is_not_there_has_a_reason()
    {
        Assert.Null(NativeNvml.Load("libnvidia-ml-of-nobody.so.1", out var problem));
        Assert.Equal("libnvidia-ml-of-nobody.so.1 is not there, or lacks a part of the NVIDIA driver", problem);
    }

    [Fact]
    public void Another_library_is_no_nvml()
    {
        Assert.Null(NativeNvml.Load("libc.so.6", out var problem));
        Assert.Equal("libc.so.6 is no NVML: it has no nvmlInit", problem);
    }

    [Theory]
    [InlineData("535.43.02", "_v2")]
    [InlineData("535.86.10", "_v2")]
    [InlineData("535.98", "_v3")]
    [InlineData("535.104.05", "_v3")]
    [InlineData("590.48.01", "_v3")]
    [InlineData("", "_v3")]
    public void The_layout_of_processes_goes_by_the_driver(string driver, string suffix) => Assert.Equal(suffix, NvmlProcessLayout.For(driver)[0].Suffix);
}
