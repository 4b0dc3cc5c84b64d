using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.NvidiaSmi;

namespace FleetVibe.Agent.Tests.Sources.NvidiaSmi;

public sealed class GpuCsvTests
{
    private const string Header =
        "index, uuid, utilization.gpu [%], utilization.memory [%], memory.used [MiB], memory.total [MiB], temperature.gpu, power.draw [W], "
        + "enforced.power.limit [W], power.limit [W], clocks.current.sm [MHz], clocks_event_reasons.active, ecc.errors.uncorrected.aggregate.total, name";

    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddDays(1);

    [Fact]
    public void A_row_is_read_by_its_header()
    {
        var sample = Read("0, GPU-1, 97, 11, 19818, 81559, 59, 631.95, 700.00, 650.00, 1980, 0x0000000000000004, 3, NVIDIA H100 80GB HBM3")!;
        Assert.Equal(("GPU-1", 0, "NVIDIA H100 80GB HBM3", Now), (sample.Gpu, sample.Index, sample.Name, sample.At));
        Assert.Equal((97d, 11d), (sample.GpuUtilPercent, sample.MemoryUtilPercent));
        Assert.Equal((19818L << 20, 81559L << 20), (sample.MemoryUsedBytes, sample.MemoryTotalBytes));
        Assert.Equal((59d, 631.95, 700d, 1980d), (sample.TemperatureC, sample.PowerW, sample.PowerLimitW, sample.SmClockMhz));
        Assert.Equal(3, sample.EccUncorrected);
        Assert.Null(sample.XidLast);
    }

    [Theory]
    [InlineData("[N/A]")]
    [InlineData("N/A")]
    [InlineData("[Not Supported]")]
    [InlineData("[Unknown Error]")]
    [InlineData("[Function Not Found]")]
    [InlineData("[GPU requires reset]")]
    [InlineData("[Insufficient Permissions]")]
    [InlineData("[Requested functionality has been deprecated]")]
    [InlineData("ERR!")]
    [InlineData("NaN")]
    [InlineData("")]
    public void What_is_no_number_is_absent_and_never_zero(string cell)
    {
        var row = string.Join(", ", Enumerable.Range(0, 14).Select(i => i switch { 0 => "0", 1 => "GPU-1", _ => cell }));
        var sample = Read(row)!;
        Assert.Null(sample.GpuUtilPercent);
        Assert.Null(sample.MemoryUtilPercent);
        Assert.Null(sample.MemoryUsedBytes);
        Assert.Null(sample.MemoryTotalBytes);
        Assert.Null(sample.TemperatureC);
        Assert.Null(sample.PowerW);
        Assert.Null(sample.PowerLimitW);
        Assert.Null(sample.SmClockMhz);
        Assert.Null(sample.Throttled);
        Assert.Empty(sample.ThrottleReasons);
        Assert.Null(sample.EccUncorrected);
    }

    [Fact]
    public void Order_and_missing_columns_do_not_matter_and_units_on_values_are_taken_off()
    {
        var csv = GpuCsv.FromHeader("name, memory.used [MiB], uuid, power.limit [W], index")!;
        var sample = csv.Read("A, 575 MiB, GPU-2, 250.00 W, 1", Now)!;
        Assert.Equal((575L << 20, 250d, 1), (sample.MemoryUsedBytes, sample.PowerLimitW, sample.Index));
        Assert.Null(sample.GpuUtilPercent);
    }

    [Theory]
    [InlineData("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")]
    [InlineData("Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.  Reboot the system to recover this GPU")]
    [InlineData("0, [Unknown Error], 97, 11, 1, 1, 1, 1, 1, 1, 1, 0x0, 0, X")]
    [InlineData("[N/A], GPU-1, 97, 11, 1, 1, 1, 1, 1, 1, 1, 0x0, 0, X")]
    public void What_names_no_gpu_is_no_sample(string line) => Assert.Null(Read(line));

    [Fact]
    public void A_failure_text_is_no_header() => Assert.Null(GpuCsv.FromHeader("No devices were found"));

    [Fact]
    public void A_comma_in_the_name_does_no_harm() =>
        Assert.Equal("Board, Rev 2", Read("0, GPU-1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0x0, 0, Board, Rev 2")!.Name);

    [Theory]
    [InlineData("0x0000000000000000", false, "")]
    [InlineData("0x0000000000000001", false, "")]
    [InlineData("0x0000000000000004", false, "sw_power_cap")]
    [InlineData("0x0000000000000012", false, "applications_clocks_setting,sync_boost")]
    [InlineData("0x0000000000000100", false, "display_clock_setting")]
    [InlineData("0x0000000000000008", true, "hw_slowdown")]
    [InlineData("0x0000000000000020", true, "sw_thermal_slowdown")]
    [InlineData("0x0000000000000048", true, "hw_slowdown,hw_thermal_slowdown")]
    [InlineData("0x0000000000000084", true, "sw_power_cap,hw_power_brake_slowdown")]
    [InlineData("0x0000000000000200", false, "unknown_0x200")]
    public void Only_alarming_reasons_throttle_and_the_others_are_named(string mask, bool throttled, string names)
    {
        var sample = Read($"0, GPU-1, 1, 1, 1, 1, 1, 1, 1, 1, 1, {mask}, 0, X")!;
        Assert.Equal((throttled, names), (sample.Throttled, string.Join(',', sample.ThrottleReasons)));
    }

    [Fact]
    public void The_older_name_of_the_reasons_is_read_too()
    {
        var csv = GpuCsv.FromHeader("index, uuid, clocks_throttle_reasons.active")!;
        Assert.True(csv.Read("0, GPU-1, 0x0000000000000040", Now)!.Throttled);
    }

    [RecordingFact]
    public void Recordings_of_real_drivers_are_read()
    {
        Assert.NotEmpty(Recorded());
        foreach (var path in Recorded())
        {
            var lines = File.ReadAllLines(path).Where(line => line.Length > 0).ToList();
            var csv = GpuCsv.FromHeader(lines[0]);
            Assert.True(csv is not null && lines.Count > 1, path);
            foreach (var sample in lines.Skip(1).Select(line => csv.Read(line, Now)))
            {
                Assert.True(sample is { MemoryTotalBytes: > 1L << 30, PowerW: > 0, Name.Length: > 0 }, path);
                Assert.Equal(path.Contains("mig", StringComparison.Ordinal), sample.GpuUtilPercent is null);
            }
        }
    }

    private static GpuSample? Read(string row) => GpuCsv.FromHeader(Header)!.Read(row, Now);

    private static string[] Recorded() => Directory.GetFiles(Path.Combine(Recordings.Folder!, "gpu", "nvidia-smi", "split"), "*query-gpu.csv");
}
