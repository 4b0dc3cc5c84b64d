using FleetVibe.Agent.Sources.Amd;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.Intel;
using FleetVibe.Agent.Sources.Jetson;
using FleetVibe.Agent.Sources.NvidiaSmi;

namespace FleetVibe.Agent.Tests.Sources.Gpus;

/// <summary>For each tool an output written from what is known of it, and the exact points.</summary>
public sealed class GpuToolGoldenTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly DateTimeOffset At = Fixtures.At(5);

    [Fact]
    public void Nvidia_smi() => Assert.Equal(
        [
            "vibe_gpu,gpu=GPU-1,index=0,gpu_name=NVIDIA A100 gpu_util_percent=50,memory_util_percent=20,memory_used_bytes=2097152i,memory_total_bytes=8388608i,temperature_c=61,"
            + "power_w=200,power_limit_w=400,sm_clock_mhz=1400,throttled=true,throttle_reasons=\"hw_thermal_slowdown,sw_power_cap\",ecc_uncorrected=1i,ecc_corrected=9i,remapped_rows=3i,"
            + "remap_pending=true,remap_failed=false",
            "vibe_gpu,gpu=GPU-2,index=1,gpu_name=NVIDIA A100 memory_used_bytes=1048576i,memory_total_bytes=8388608i",
        ],
        GpuGolden.Points(
            new NvidiaSmiTool(Fixtures.Gpus),
            """
            index, uuid, utilization.gpu [%], utilization.memory [%], memory.used [MiB], memory.total [MiB], temperature.gpu, power.draw [W], enforced.power.limit [W], clocks.current.sm [MHz], clocks_event_reasons.active, ecc.errors.uncorrected.aggregate.total, ecc.errors.corrected.aggregate.total, remapped_rows.correctable, remapped_rows.uncorrectable, remapped_rows.pending, remapped_rows.failure, pci.bus_id, mig.mode.current, name
            0, GPU-1, 40, 10, 2, 8, 61, 150.00, 400.00, 1300, 0x0000000000000004, 1, 8, 1, 2, No, No, 00000000:9B:00.0, Disabled, NVIDIA A100
            1, GPU-2, [N/A], [GPU requires reset], 1, 8, [N/A], [Unknown Error], [N/A], [N/A], [N/A], [N/A], [N/A], [N/A], [N/A], [N/A], [N/A], 00000000:AB:00.0, Disabled, NVIDIA A100
            0, GPU-1, 60, 30, 1, 8, 60, 250.00, 400.00, 1500, 0x0000000000000040, 1, 9, 1, 2, Yes, No, 00000000:9B:00.0, Disabled, NVIDIA A100
            Unable to determine the device handle for GPU1: 0000:AB:00.0: GPU is lost.  Reboot the system to recover this GPU
            """));

    [Fact]
    public void Mig_instances_of_nvidia_smis_xml()
    {
        var read = GpuXml.Read(
            """
            <?xml version="1.0" ?>
            <!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
            <nvidia_smi_log>
              <gpu id="00000000:9B:00.0">
                <product_name>NVIDIA H100</product_name>
                <uuid>GPU-1</uuid>
                <mig_devices>
                  <mig_device>
                    <index>0</index>
                    <gpu_instance_id>1</gpu_instance_id>
                    <compute_instance_id>0</compute_instance_id>
                    <ecc_error_count><volatile_count><sram_uncorrectable>0</sram_uncorrectable></volatile_count></ecc_error_count>
                    <fb_memory_usage><total>40448 MiB</total><reserved>0 MiB</reserved><used>1024 MiB</used><free>39424 MiB</free></fb_memory_usage>
                  </mig_device>
                  <mig_device>
                    <index>1</index>
                    <gpu_instance_id>5</gpu_instance_id>
                    <compute_instance_id>0</compute_instance_id>
                    <fb_memory_usage><total>N/A</total><used>Requested functionality has been deprecated</used></fb_memory_usage>
                  </mig_device>
                </mig_devices>
                <processes>
                  <process_info><gpu_instance_id>1</gpu_instance_id><compute_instance_id>0</compute_instance_id><pid>77</pid><type>C</type><process_name>/opt/vllm</process_name><used_memory>1000 MiB</used_memory></process_info>
                  <process_info><gpu_instance_id>N/A</gpu_instance_id><compute_instance_id>N/A</compute_instance_id><pid>78</pid><process_name>x</process_name><used_memory>N/A</used_memory></process_info>
                </processes>
              </gpu>
            </nvidia_smi_log>
            """,
            At)!;
        Assert.Equal(
            ["vibe_gpu,gpu=MIG-GPU-1/1/0,index=0,gpu_name=NVIDIA H100 MIG 1/0 memory_used_bytes=1073741824i,memory_total_bytes=42412802048i,ecc_uncorrected=0i"],
            GpuGolden.Points(read.Instances).Where(line => line.Contains("memory", StringComparison.Ordinal)));
        Assert.Equal(["MIG-GPU-1/1/0", "MIG-GPU-1/5/0"], read.Instances.Select(gpu => gpu.Gpu));
        Assert.Equal([new GpuProcess("MIG-GPU-1/1/0", 77, "/opt/vllm", 1000L << 20), new GpuProcess("GPU-1", 78, "x", null)], read.Processes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")]
    [InlineData("<html></html>")]
    [InlineData("<nvidia_smi_log><gpu>")]
    [InlineData("<!DOCTYPE x [<!ENTITY a \"b\">]><nvidia_smi_log>&a;</nvidia_smi_log>")]
    public void Another_text_is_no_xml_of_nvidia_smi(string text) => Assert.Null(GpuXml.Read(text, At));

    [Fact]
    public void Processes_of_nvidia_smi() => Assert.Equal(
        [new GpuProcess("GPU-1", 11, "/opt/a, b/python", 512L << 20), new GpuProcess("GPU-1", 12, "", null), new GpuProcess("GPU-2", 13, "C:\\x y.exe", null)],
        ComputeApps.Read(
        [
            "gpu_uuid, pid, process_name, used_gpu_memory [MiB]",
            "GPU-1, 11, /opt/a, b/python, 512",
            "GPU-1, 12, [Not Found], [N/A]",
            "GPU-2, 13, C:\\x y.exe, [Not Supported]",
            "GPU-2, [Insufficient Permissions], x, 1",
            "",
        ])!);

    [Fact]
    public void No_process_is_an_empty_list_and_an_error_text_none()
    {
        Assert.Empty(ComputeApps.Read(["gpu_uuid, pid, process_name, used_gpu_memory [MiB]"])!);
        Assert.Null(ComputeApps.Read(["No devices were found"]));
    }

    [Fact]
    public void A_board_cut_into_instances_is_scanned_by_xml()
    {
        var tool = new NvidiaSmiTool(Fixtures.Gpus);
        Assert.StartsWith("--query-compute-apps", tool.ScanArguments![0], StringComparison.Ordinal);
        GpuGolden.Samples(tool, "index, uuid, mig.mode.current, name\n0, GPU-1, Enabled, H100\n");
        Assert.Equal(["-q", "-x"], tool.ScanArguments);
    }

    [Fact]
    public void Rocm_smi() => Assert.Equal(
        [
            "vibe_gpu,gpu=0x79cc,index=0,gpu_name=Instinct MI100 gpu_util_percent=12,memory_util_percent=3,memory_used_bytes=6750208i,memory_total_bytes=34342961152i,temperature_c=53,power_w=36,"
            + "power_limit_w=290,sm_clock_mhz=300",
            "vibe_gpu,gpu=PCI-0000:A3:00.0,index=1,gpu_name=Navi 22 gpu_util_percent=0,temperature_c=47,power_w=6.5",
        ],
        GpuGolden.Points(
            new RocmSmiTool("rocm-smi"),
            """
            WARNING: AMD GPU device(s) is/are in a low-power state. Check power control/runtime_status

            {"card0": {"Unique ID": "0x79cc", "Temperature (Sensor edge) (C)": "53.0", "Temperature (Sensor junction) (C)": "55.0", "sclk clock speed:": "(300Mhz)",
             "Max Graphics Package Power (W)": "290.0", "Average Graphics Package Power (W)": "36.0", "GPU use (%)": "12", "GPU memory use (%)": "3", "PCI Bus": "0000:83:00.0",
             "VRAM Total Memory (B)": "34342961152", "VRAM Total Used Memory (B)": "6750208", "Card series": "Instinct MI100"},
             "card1": {"Unique ID": "N/A", "Temperature (Sensor junction) (C)": "47.0", "Current Socket Graphics Package Power (W)": "6.5", "GPU use (%)": "0",
             "GPU Memory Read/Write Activity (%)": "N/A", "GPU Memory Allocated (VRAM%)": "12", "PCI Bus": "0000:A3:00.0", "VRAM Total Memory (B)": "N/A", "Card Series": "Navi 22"},
             "system": {"Driver version": "6.3.6"}}
            """));

    [Theory]
    [InlineData("[", "]")]
    [InlineData("{\"gpu_data\": [", "]}")]
    public void Amd_smi(string before, string after) => Assert.Equal(
        [
            "vibe_gpu,gpu=AMD-0,index=0,gpu_name=AMD GPU gpu_util_percent=37,memory_util_percent=4,memory_used_bytes=2147483648i,memory_total_bytes=17163091968i,temperature_c=61,power_w=120,"
            + "sm_clock_mhz=2100,throttled=false,throttle_reasons=\"none\",ecc_uncorrected=0i,ecc_corrected=2i",
            "vibe_gpu,gpu=AMD-1,index=1,gpu_name=AMD GPU temperature_c=36",
        ],
        GpuGolden.Points(
            new AmdSmiTool("amd-smi"),
            before
            + """
              {"gpu": 0, "usage": {"gfx_activity": {"value": 37, "unit": "%"}, "umc_activity": {"value": 4, "unit": "%"}, "mm_activity": "N/A"},
               "power": {"socket_power": {"value": 120, "unit": "W"}, "throttle_status": "UNTHROTTLED"}, "clock": {"gfx_0": {"clk": {"value": 2100, "unit": "MHz"}}},
               "temperature": {"edge": {"value": 61, "unit": "C"}, "hotspot": {"value": 70, "unit": "C"}}, "ecc": {"total_correctable_count": 2, "total_uncorrectable_count": 0},
               "mem_usage": {"total_vram": {"value": 16368, "unit": "MB"}, "used_vram": {"value": 2048, "unit": "MB"}}},
              {"gpu": 1, "usage": "N/A", "power": {"socket_power": "N/A"}, "temperature": {"edge": "N/A", "hotspot": {"value": 36, "unit": "C"}}, "mem_usage": {"used_vram": "N/A"}}
              """
            + after));

    [Fact]
    public void Xpu_smi() => Assert.Equal(
        [
            "vibe_gpu,gpu=XPU-0,index=0,gpu_name=Intel GPU gpu_util_percent=99.5,memory_util_percent=18.5,memory_used_bytes=29360128i,temperature_c=50,power_w=120,sm_clock_mhz=1800",
            "vibe_gpu,gpu=XPU-1,index=1,gpu_name=Intel GPU gpu_util_percent=0.01,power_w=105.25,sm_clock_mhz=0",
        ],
        GpuGolden.Points(
            new XpuSmiTool("xpu-smi", Second),
            """
            Timestamp, DeviceId, GPU Utilization (%), GPU Power (W), GPU Frequency (MHz), GPU Core Temperature (Celsius Degree), GPU Memory Bandwidth Utilization (%), GPU Memory Used (MiB)
            21:23:00.000,    0, 99.00, 119.00, 1800, 49.00, 18.00, 28.00
            21:23:00.001,    1, 0.01, 105.25,    0,  N/A,  N/A, N/A
            21:23:01.000,    0, 100.00, 121.00, 1800, 50.00, 19.00, 27.00
            21:23:01.001,    1, cut
            """));

    [Fact]
    public void Xpu_smi_that_names_a_column_twice() => Assert.Equal(
        ["vibe_gpu,gpu=XPU-0,index=0,gpu_name=Intel GPU power_w=119"],
        GpuGolden.Points(
            new XpuSmiTool("xpu-smi", Second),
            """
            Timestamp, DeviceId, DeviceId, GPU Power (W)
            21:23:00.000, 1, 2
            21:23:00.000, 0, 0, 119.00
            """));

    [Fact]
    public void Intel_gpu_top() => Assert.Equal(
        ["vibe_gpu,gpu=INTEL-0,index=0,gpu_name=Intel GPU gpu_util_percent=75,power_w=4,sm_clock_mhz=1200"],
        GpuGolden.Points(
            new IntelGpuTopTool("intel_gpu_top", Second),
            """
            [
            {
              "frequency": {"requested": 1400.0, "actual": 1100.0, "unit": "MHz"},
              "power": {"GPU": 3.0, "Package": 16.6, "unit": "W"},
              "engines": {
                "Render/3D/0": {"busy": 50.0, "sema": 0.0, "unit": "%"},
                "Video/0": {"busy": 10.0, "unit": "%"}
              }
            },
            {
              "frequency": {"requested": 1400.0, "actual": 1300.0, "unit": "MHz"},
              "power": {"GPU": 5.0, "unit": "W"},
              "engines": {
                "Render/3D/0": {"busy": 2.0},
                "Compute/0": {"busy": 100.000001}
              }
            },
            {
              "engines": {
            """));

    [Fact]
    public void Tegrastats() => Assert.Equal(
        ["vibe_gpu,gpu=JETSON-0,index=0,gpu_name=Jetson gpu_util_percent=41,memory_used_bytes=3623878656i,memory_total_bytes=7990149120i,temperature_c=49.5,power_w=4,sm_clock_mhz=707"],
        GpuGolden.Points(
            new TegrastatsTool("tegrastats", Second),
            """
            05-12-2026 00:30:15 RAM 3423/7620MB (lfb 78x4MB) SWAP 0/3810MB (cached 0MB) CPU [2%@729,off] GR3D_FREQ 0%@[305,305] cpu@45.531C gpu@46.468C tj@46.468C VDD_IN 3200mW/3311mW VDD_SOC 1008mW/1008mW
            RAM 3456/7620MB (lfb 78x4MB) CPU [2%@729] EMC_FREQ 0% GR3D_FREQ 82%@1109 PLL@21C GPU@49.5C POM_5V_IN 4800/2547 POM_5V_GPU 0/0
            tegrastats: cannot open something
            """));

    [RecordingFact]
    public void Recorded_outputs_of_every_tool_are_read()
    {
        Assert.All(Read("amd", "*.json"), json =>
        {
            var gpus = GpuGolden.Samples(new RocmSmiTool("rocm-smi"), json);
            Assert.NotEmpty(gpus);
            Assert.All(gpus, gpu => Assert.True(gpu is { GpuUtilPercent: not null, MemoryTotalBytes: > 1L << 30, TemperatureC: > 0, Name.Length: > 0 }, gpu.ToString()));
            Assert.Equal(json.Contains("N/A (Secondary die)", StringComparison.Ordinal), gpus.Any(gpu => gpu.PowerW is null));
            Assert.Equal(gpus.Count, gpus.Select(gpu => gpu.Gpu).Distinct().Count());
        });
        var lines = GpuGolden.Samples(new TegrastatsTool("tegrastats", Second), Read("jetson", "*.txt").Single());
        Assert.Equal([(46.468, 3.311), (49.031, 4.824), (23.5, 2.545), (55.406, 9.156)], lines.Select(gpu => (gpu.TemperatureC!.Value, gpu.PowerW!.Value)));
        var top = Assert.Single(GpuGolden.Samples(new IntelGpuTopTool("intel_gpu_top", Second), Read("intel", "*.json").Single()));
        Assert.Equal((96.092944, 3.233528, 1253.085184), (top.GpuUtilPercent, top.PowerW, top.SmClockMhz));
    }

    [RecordingFact]
    public void Recorded_lists_of_processes_and_xml_logs_are_read()
    {
        var listed = 0;
        foreach (var text in Read(Path.Combine("nvidia-smi", "split"), "*query-compute-apps.csv"))
        {
            var lines = text.Split('\n').Where(line => line.Length > 0).ToList();
            var processes = ComputeApps.Read(lines)!;
            Assert.Equal(lines.Count - 1, processes.Count);
            listed += processes.Count;
        }

        Assert.True(listed > 50);
        var instances = 0;
        foreach (var xml in Read("nvidia-smi-xml", "*.xml"))
        {
            var read = GpuXml.Read(xml, At);
            Assert.NotNull(read);
            Assert.NotEmpty(read.Boards);
            instances += read.Instances.Count;
            Assert.All(read.Instances, gpu => Assert.True(gpu.MemoryTotalBytes > 1L << 30));
        }

        Assert.True(instances >= 6);
    }

    private static IEnumerable<string> Read(string folder, string pattern)
    {
        var files = Directory.GetFiles(Path.Combine(Recordings.Folder!, "gpu", folder), pattern);
        Assert.NotEmpty(files);
        return files.Select(File.ReadAllText);
    }
}
