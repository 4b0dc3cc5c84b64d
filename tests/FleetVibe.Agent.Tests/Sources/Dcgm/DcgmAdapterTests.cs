using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Dcgm;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Tests.Sources.Dcgm;

public class DcgmAdapterTests
{
    private static readonly DateTimeOffset Epoch = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);
    private static readonly DcgmAdapter Adapter = new(new DcgmSourceSettings { Endpoint = new Uri("https://gpu-1:9400/metrics") });

    private static PolledPage Read(string text, string mediaType = "text/plain") =>
        Adapter.Read(new CounterState("o", Epoch), new FetchedPage(Encoding.UTF8.GetBytes(text), mediaType, Epoch));

    private static string Row(string field, string value, string gpu = "0", string more = "") =>
        $"DCGM_FI_DEV_{field}{{gpu=\"{gpu}\",UUID=\"GPU-{gpu}\",device=\"nvidia{gpu}\",modelName=\"NVIDIA L4\"{more}}} {value}\n";

    [Fact]
    public void A_board_is_one_sample_with_units_of_our_own()
    {
        var gpu = Assert.Single(Read("# TYPE DCGM_FI_DEV_SM_CLOCK gauge\n# TYPE DCGM_FI_DEV_SM_CLOCK gauge\n"
            + Row("SM_CLOCK", "1410") + Row("GPU_TEMP", "61") + Row("POWER_USAGE", "71.5") + Row("GPU_UTIL", "98") + Row("MEM_COPY_UTIL", "44")
            + Row("FB_USED", "1000") + Row("FB_FREE", "22000") + Row("FB_RESERVED", "470") + Row("XID_ERRORS", "31")
            + Row("ECC_DBE_VOL_TOTAL", "2") + Row("ECC_DBE_AGG_TOTAL", "5") + Row("CLOCK_THROTTLE_REASONS", "68")).Gpus);
        Assert.Equal(("GPU-0", 0, "NVIDIA L4", Epoch), (gpu.Gpu, gpu.Index, gpu.Name, gpu.At));
        Assert.Equal((98d, 44d, 61d, 71.5, 1410d), (gpu.GpuUtilPercent, gpu.MemoryUtilPercent, gpu.TemperatureC, gpu.PowerW, gpu.SmClockMhz));
        Assert.Equal((1000L << 20, 23_470L << 20), (gpu.MemoryUsedBytes, gpu.MemoryTotalBytes));
        Assert.Equal((31L, 5L, true), (gpu.XidLast, gpu.EccUncorrected, gpu.Throttled));
        Assert.Equal(["sw_power_cap", "hw_thermal_slowdown"], gpu.ThrottleReasons);
        Assert.Null(gpu.PowerLimitW);
    }

    [Fact]
    public void What_the_exporter_does_not_give_is_absent_and_never_zero()
    {
        var gpu = Assert.Single(Read(Row("GPU_TEMP", "50")).Gpus);
        Assert.Null(gpu.GpuUtilPercent);
        Assert.Null(gpu.MemoryTotalBytes);
        Assert.Null(gpu.EccUncorrected);
        Assert.Null(gpu.Throttled);
    }

    [Theory]
    [InlineData("2147483632")]
    [InlineData("2147483635")]
    [InlineData("9223372036854775792")]
    [InlineData("9223372036854775795")]
    [InlineData("140737488355328")]
    [InlineData("140737488355331")]
    [InlineData("NaN")]
    [InlineData("-1")]
    public void Blanks_of_old_exporters_are_absent(string blank)
    {
        var gpu = Assert.Single(Read(Row("GPU_TEMP", "50") + Row("GPU_UTIL", blank) + Row("POWER_USAGE", blank) + Row("FB_USED", blank) + Row("XID_ERRORS", blank)).Gpus);
        Assert.Equal((null, null, null, null), (gpu.GpuUtilPercent, gpu.PowerW, gpu.MemoryUsedBytes, gpu.XidLast));
    }

    [Fact]
    public void An_instance_of_a_partitioned_board_does_not_stand_for_the_board()
    {
        const string Instance = ",GPU_I_PROFILE=\"1g.10gb\",GPU_I_ID=\"2\"";
        var gpu = Assert.Single(Read(Row("FB_USED", "7000") + Row("FB_USED", "10", more: Instance) + Row("GPU_UTIL", "60", more: Instance)).Gpus);
        Assert.Equal(7000L << 20, gpu.MemoryUsedBytes);
        Assert.Null(gpu.GpuUtilPercent);
    }

    [Fact]
    public void Boards_are_kept_apart_by_uuid_and_ordered_by_index() =>
        Assert.Equal(["GPU-1", "GPU-2", "GPU-10"], Read(Row("GPU_TEMP", "1", "10") + Row("GPU_TEMP", "2", "2") + Row("GPU_TEMP", "3", "1")).Gpus.Select(g => g.Gpu));

    [Fact]
    public void A_row_without_a_uuid_is_skipped_and_counted() =>
        Assert.Equal(1, Read(Row("GPU_TEMP", "50") + "DCGM_FI_DEV_GPU_TEMP{gpu=\"1\"} 40\n").SamplesSkipped);

    [Fact]
    public void A_reloading_exporter_is_up_without_data()
    {
        var page = Read("");
        Assert.Null(page.Error);
        Assert.Empty(page.Gpus);
    }

    [Theory]
    [InlineData("<html>", "text/html")]
    [InlineData("# TYPE node_load1 gauge\nnode_load1 1\n", "text/plain")]
    public void Another_page_is_wrong_content(string body, string mediaType) =>
        Assert.Equal(ErrorClass.WrongContent, Read(body, mediaType).Error);
}
