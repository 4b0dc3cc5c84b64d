using System.Diagnostics;
using FleetVibe.Simulator.Nodes;

namespace FleetVibe.Simulator.Tests.Nodes;

/// <summary>These run the real script with the system's sh and awk.</summary>
public sealed class NvidiaSmiScriptTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, 5, TimeSpan.Zero);
    private static readonly EngineGauges Gauges = new()
    {
        GpuUtilPercent = 93, MemoryUtilPercent = 65, MemoryUsedMiB = 21_900, TemperatureC = 71, PowerW = 344.1, SmClockMhz = 2_505,
    };

    // A quote in the path is what breaks a script that was put together carelessly.
    private readonly TempFolder _folder = new();
    private readonly string _directory;
    private readonly GpuTool _tool;

    public NvidiaSmiScriptTests()
    {
        _directory = Directory.CreateDirectory(_folder.File("it's a node")).FullName;
        _tool = new GpuTool(_directory, 2, new Random(1));
        _tool.Write(Gauges, [new GpuProcess(42, "/usr/bin/python3", 3000), new GpuProcess(43, "C:\\My, Games\\x.exe", 900)], Now);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Fields_come_in_the_order_asked_with_their_units_in_the_header()
    {
        var (code, output) = await RunAsync("--query-gpu=index,uuid,temperature.gpu,utilization.gpu,memory.total,power.draw,clocks.current.sm", "--format=csv");

        Assert.Equal(0, code);
        Assert.Equal(
            [
                "index, uuid, temperature.gpu, utilization.gpu [%], memory.total [MiB], power.draw [W], clocks.current.sm [MHz]",
                $"0, {_tool.Uuids[0]}, 71, 93 %, 24564 MiB, 344.10 W, 2505 MHz",
                $"1, {_tool.Uuids[1]}, 71, 93 %, 24564 MiB, 344.10 W, 2505 MHz",
            ],
            output);
    }

    [Fact]
    public async Task Nounits_takes_them_from_the_values_only_and_noheader_the_header()
    {
        Assert.Equal(["memory.used [MiB], power.draw [W]", "21900, 344.10", "21900, 344.10"], (await RunAsync("--query-gpu=memory.used, power.draw", "--format=csv,nounits")).Output);
        Assert.Equal(["21900 MiB", "21900 MiB"], (await RunAsync("--query-gpu=memory.used", "--format=csv,noheader")).Output);
        Assert.Equal(["21900"], (await RunAsync("--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i", "1")).Output);
    }

    [Fact]
    public async Task What_a_consumer_board_does_not_have_is_no_number()
    {
        var (_, output) = await RunAsync(
            "--query-gpu=serial,ecc.errors.uncorrected.aggregate.total,remapped_rows.failure,temperature.memory,clocks.applications.graphics,mig.mode.current",
            "--format=csv,noheader,nounits");

        Assert.Equal("[N/A], [N/A], [N/A], N/A, [Requested functionality has been deprecated], [N/A]", output[0]);
    }

    [Fact]
    public async Task Old_names_are_understood()
    {
        var (_, output) = await RunAsync("--query-gpu=gpu_name,gpu_uuid,clocks.sm,clocks_throttle_reasons.active", "--format=csv");

        Assert.Equal("name, uuid, clocks.current.sm [MHz], clocks_throttle_reasons.active", output[0]);
        Assert.Equal($"NVIDIA GeForce RTX 4090, {_tool.Uuids[0]}, 2505 MHz, 0x0000000000000000", output[1]);
    }

    [Fact]
    public async Task One_unknown_field_fails_the_whole_query()
    {
        var (code, output) = await RunAsync("--query-gpu=index,clocks_foo.active,uuid", "--format=csv");

        Assert.Equal(2, code);
        Assert.Equal(["Field \"clocks_foo.active\" is not a valid field to query."], output);
    }

    [Theory]
    [InlineData("--query-gpu=index")]
    [InlineData("--query-gpu=index", "--format=xml")]
    [InlineData("--nonsense")]
    [InlineData("--query-gpu=index", "--format=csv", "--loop-ms=soon")]
    public async Task A_wrong_argument_is_refused(params string[] arguments) => Assert.Equal(2, (await RunAsync(arguments)).Code);

    [Fact]
    public async Task Every_documented_field_of_the_usual_query_is_known()
    {
        const string Query = "index,uuid,name,pci.bus_id,driver_version,pstate,temperature.gpu,temperature.memory,utilization.gpu,utilization.memory,memory.total,memory.used,memory.free,memory.reserved,power.draw,power.draw.instant,enforced.power.limit,clocks.current.sm,clocks.current.memory,clocks_event_reasons.active,ecc.errors.corrected.volatile.total,ecc.errors.uncorrected.volatile.total,ecc.errors.uncorrected.aggregate.total,remapped_rows.correctable,remapped_rows.uncorrectable,remapped_rows.pending,remapped_rows.failure,pcie.link.gen.current,pcie.link.width.current,fan.speed,mig.mode.current,persistence_mode";
        var (code, output) = await RunAsync("--query-gpu=" + Query, "--format=csv,nounits");

        Assert.Equal(0, code);
        Assert.All(output, line => Assert.Equal(Query.Split(',').Length, line.Split(", ").Length));
    }

    [Fact]
    public async Task Boards_are_listed()
    {
        Assert.Equal(
            [$"GPU 0: NVIDIA GeForce RTX 4090 (UUID: {_tool.Uuids[0]})", $"GPU 1: NVIDIA GeForce RTX 4090 (UUID: {_tool.Uuids[1]})"],
            (await RunAsync("-L")).Output);
        Assert.Contains("\"utilization.gpu\"", (await RunAsync("--help-query-gpu")).Output);
        Assert.False(_tool.WasSampled);
    }

    [Fact]
    public async Task Processes_are_listed_with_their_memory()
    {
        var (_, output) = await RunAsync("--query-compute-apps=gpu_uuid,pid,process_name,used_memory", "--format=csv,nounits");

        Assert.Equal(
            ["uuid, pid, process_name, used_gpu_memory [MiB]", $"{_tool.Uuids[0]}, 42, /usr/bin/python3, 3000", $"{_tool.Uuids[0]}, 43, C:\\My, Games\\x.exe, 900"],
            output);
    }

    [Fact]
    public async Task A_loop_goes_on_with_new_values_and_one_header()
    {
        using var process = Start("--query-gpu=utilization.gpu", "--format=csv,nounits", "--loop-ms=20", "-i", "0");
        Assert.Equal("utilization.gpu [%]", await process.StandardOutput.ReadLineAsync());
        Assert.Equal("93", await process.StandardOutput.ReadLineAsync());
        Assert.True(_tool.WasSampled);

        _tool.Write(Gauges with { GpuUtilPercent = 12 }, [], Now);
        string? line;
        do
        {
            line = await process.StandardOutput.ReadLineAsync();
        }
        while (line == "93");

        Assert.Equal("12", line);
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
    }

    [Fact]
    public async Task A_fault_prints_its_text_and_ends_a_running_loop_with_its_code()
    {
        using var process = Start("--query-gpu=index", "--format=csv,noheader", "--loop-ms=20", "-i", "0");
        Assert.Equal("0", await process.StandardOutput.ReadLineAsync());

        _tool.SetFault("15\nUnable to determine the device handle for GPU 0000:01:00.0: GPU is lost.");
        var rest = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(15, process.ExitCode);
        Assert.EndsWith("GPU is lost.\n", rest, StringComparison.Ordinal);

        _tool.SetFault(null);
        Assert.Equal(0, (await RunAsync("--query-gpu=index", "--format=csv")).Code);
    }

    [Fact]
    public async Task Without_a_node_the_driver_is_gone()
    {
        File.Delete(Path.Combine(_directory, NvidiaSmiScript.BoardsFile));

        var (code, output) = await RunAsync("--query-gpu=index", "--format=csv");
        Assert.Equal(9, code);
        Assert.StartsWith("NVIDIA-SMI has failed", output[0], StringComparison.Ordinal);
    }

    private async Task<(int Code, IReadOnlyList<string> Output)> RunAsync(params string[] arguments)
    {
        using var process = Start(arguments);
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output.TrimEnd('\n').Split('\n'));
    }

    private Process Start(params string[] arguments) =>
        Process.Start(new ProcessStartInfo(_tool.Executable, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
}
