using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Tests.Sources.Gpus;

public sealed class ProcessWatchTests
{
    private const string Gpu = "GPU-a";
    private const long GiB = 1L << 30;

    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddDays(1);

    private readonly FakeTable _table = new()
    {
        [10] = new ProcessFacts("/opt/venv/bin/python -m vllm.entrypoints.openai.api_server", "/system.slice/engine.service", 1),
        [11] = new ProcessFacts("VLLM::EngineCore", "/system.slice/engine.service", 10),
        [12] = new ProcessFacts("/opt/venv/bin/python -c from multiprocessing.spawn", "/user.slice/session-3.scope", 10),
        [20] = new ProcessFacts("/usr/bin/miner --key secret", "/user.slice/session-3.scope", 1),
    };

    [Fact]
    public void Descendants_and_those_of_the_same_service_are_the_engines_and_the_rest_is_foreign()
    {
        _table[13] = new ProcessFacts("helper", "/system.slice/engine.service", 1);
        var watch = new ProcessWatch(new OwnProcesses([]), _table);
        watch.Scan([Gpu], [Process(11, 8 * GiB), Process(12, GiB), Process(13, GiB), Process(20, 2 * GiB)], Now);
        Assert.Equal((1L, 2 * GiB), Marked(watch));
    }

    [Theory]
    [InlineData("pid:20", 0)]
    [InlineData("cgroup:session-3", 0)]
    [InlineData("MINER", 0)]
    [InlineData("pid:2", 1)]
    [InlineData("other", 1)]
    public void An_entry_names_by_number_group_or_command(string entry, int foreign)
    {
        var watch = new ProcessWatch(new OwnProcesses([entry]), _table);
        watch.Scan([Gpu], [Process(20, GiB)], Now);
        Assert.Equal(foreign, Marked(watch).Processes);
    }

    [Fact]
    public void A_login_session_is_no_service()
    {
        var watch = new ProcessWatch(new OwnProcesses(["spawn"]), _table);
        watch.Scan([Gpu], [Process(12, GiB), Process(20, GiB)], Now);
        Assert.Equal((1L, GiB), Marked(watch));
    }

    [Fact]
    public void Where_no_process_looks_like_an_engine_nothing_is_called_foreign()
    {
        var watch = new ProcessWatch(new OwnProcesses([]), _table);
        watch.Scan([Gpu], [Process(20, GiB)], Now);
        Assert.Equal((null, null), Marked(watch));
        watch.Scan([Gpu], [Process(20, GiB), Process(11, GiB)], Now);
        Assert.Equal((1L, GiB), Marked(watch));
    }

    [Fact]
    public void A_number_that_was_a_dead_process_and_is_a_foreign_one_is_told_after_its_own_second_scan()
    {
        var watch = new ProcessWatch(new OwnProcesses([]), _table);
        IReadOnlyList<GpuProcess> both = [Process(11, GiB), Process(99, GiB)];
        watch.Scan([Gpu], both, Now);
        _table[99] = new ProcessFacts("/usr/bin/miner", "/user.slice/session-3.scope", 1);

        Assert.Empty(watch.Scan([Gpu], both, Now.AddSeconds(10)));
        Assert.Equal(ProcessWatch.ForeignKind, Assert.Single(watch.Scan([Gpu], both, Now.AddSeconds(20))).Kind);
    }

    [Fact]
    public void A_foreign_process_with_little_memory_counts_and_is_no_event()
    {
        var watch = new ProcessWatch(new OwnProcesses([]), _table);
        for (var scan = 0; scan < 3; scan++)
        {
            Assert.Empty(watch.Scan([Gpu], [Process(11, GiB), Process(20, 10 << 20)], Now.AddSeconds(scan)));
        }

        Assert.Equal((1L, 10L << 20), Marked(watch, 2));
    }

    [Fact]
    public void A_dead_process_counts_only_when_a_second_scan_finds_it_dead_and_is_told_once()
    {
        var watch = new ProcessWatch(new OwnProcesses([]), _table);
        IReadOnlyList<GpuProcess> both = [Process(11, GiB), Process(99, 3 * GiB, "vllm")];
        Assert.Empty(watch.Scan([Gpu], both, Now));
        Assert.Equal((0L, 0L), Marked(watch));
        var told = Assert.Single(watch.Scan([Gpu], both, Now.AddSeconds(10)));
        Assert.Equal((ProcessWatch.DeadKind, EventSeverity.Warning), (told.Kind, told.Severity));
        Assert.StartsWith("GPU-a still holds 3 GiB for process 99 (vllm), which is gone", told.Text, StringComparison.Ordinal);
        Assert.Equal((1L, 3 * GiB), Marked(watch, 10));
        Assert.Empty(watch.Scan([Gpu], both, Now.AddSeconds(20)));

        watch.Scan([Gpu], [Process(11, GiB)], Now.AddSeconds(30));
        Assert.Equal((0L, 0L), Marked(watch, 30));
        Assert.Empty(watch.Scan([Gpu], both, Now.AddSeconds(40)));
        Assert.Single(watch.Scan([Gpu], both, Now.AddSeconds(50)));
    }

    [Fact]
    public void A_process_that_lived_at_the_scan_between_was_never_dead()
    {
        var watch = new ProcessWatch(new OwnProcesses(["vllm"]), _table);
        IReadOnlyList<GpuProcess> one = [Process(30, GiB)];
        watch.Scan([Gpu], one, Now);
        _table[30] = new ProcessFacts("vllm", "", 1);
        watch.Scan([Gpu], one, Now);
        _table[30] = null;
        Assert.Empty(watch.Scan([Gpu], one, Now));
        Assert.Single(watch.Scan([Gpu], one, Now));
    }

    [Fact]
    public void A_foreign_process_of_size_is_told_of_once_without_its_arguments()
    {
        var watch = new ProcessWatch(new OwnProcesses(["vllm"]), _table);
        IReadOnlyList<GpuProcess> found = [Process(20, GiB), Process(11, GiB)];
        Assert.Empty(watch.Scan([Gpu], found, Now));
        var told = Assert.Single(watch.Scan([Gpu], found, Now));
        Assert.Equal("process 20 (/usr/bin/miner) holds 1 GiB of GPU-a and is not the engine's; name it in own_processes if it is", told.Text);
        Assert.Empty(watch.Scan([Gpu], found, Now));
    }

    [Fact]
    public void In_a_container_of_its_own_processes_the_numbers_say_nothing_and_nobody_is_dead()
    {
        _table.SeesHost = false;
        var watch = new ProcessWatch(new OwnProcesses([]), _table);
        IReadOnlyList<GpuProcess> found = [Process(11, GiB, "vllm"), Process(500, GiB, "/usr/bin/x")];
        Assert.DoesNotContain(watch.Scan([Gpu], found, Now).Concat(watch.Scan([Gpu], found, Now)), told => told.Kind == ProcessWatch.DeadKind);
        Assert.Equal((1L, GiB), Marked(watch));
    }

    [Fact]
    public void Memory_that_the_driver_does_not_tell_is_absent_and_no_zero()
    {
        var watch = new ProcessWatch(new OwnProcesses(["vllm"]), _table);
        watch.Scan([Gpu], [Process(20, null)], Now);
        Assert.Equal((1L, null), Marked(watch));
    }

    [Fact]
    public void An_old_scan_marks_nothing()
    {
        var watch = new ProcessWatch(new OwnProcesses(["vllm"]), _table);
        watch.Scan([Gpu], [Process(20, GiB)], Now);
        Assert.Equal(1, Marked(watch, 35).Processes);
        Assert.Null(Marked(watch, 36).Processes);
    }

    [Theory]
    [InlineData("vllm", true)]
    [InlineData("pid:1234", true)]
    [InlineData("cgroup:engine.service", true)]
    [InlineData("pid:x", false)]
    [InlineData("pid:0", false)]
    [InlineData("cgroup:", false)]
    [InlineData(" ", false)]
    public void Entries_that_match_nothing_or_everything_are_refused(string entry, bool good) => Assert.Equal(good, OwnProcesses.ProblemOf(entry) is null);

    [Fact]
    public void The_kernels_table_is_read_as_proc_writes_it()
    {
        var root = Directory.CreateTempSubdirectory("proc").FullName;
        try
        {
            void Write(int pid, string stat, string cgroup)
            {
                var folder = Directory.CreateDirectory(Path.Combine(root, $"{pid}")).FullName;
                File.WriteAllText(Path.Combine(folder, "stat"), stat);
                File.WriteAllText(Path.Combine(folder, "cmdline"), "python\0-m\0vllm\0");
                File.WriteAllText(Path.Combine(folder, "cgroup"), cgroup);
            }

            Write(5, "5 (a ) Z b) S 4 5 5 0", "0::/system.slice/engine.service\n");
            Write(6, "6 (x) Z 4 5 5 0", "0::/\n");
            Write(7, "7 (x) R 1 5 5 0", "9:name=systemd:/docker/abc\n4:memory:/docker/abc\n0::/\n");
            var table = new ProcessTable(root);
            Assert.Equal(new ProcessFacts("python -m vllm", "/system.slice/engine.service", 4), table.Find(5));
            Assert.Null(table.Find(6));
            Assert.Equal("/docker/abc", table.Find(7)!.Cgroup);
            Assert.Null(table.Find(8));
            Assert.False(table.SeesHost);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public void This_very_process_is_alive() => Assert.NotNull(new ProcessTable().Find(Environment.ProcessId));

    private static GpuProcess Process(int pid, long? bytes, string name = "") => new(Gpu, pid, name, bytes);

    private static (long? Processes, long? Bytes) Marked(ProcessWatch watch, double seconds = 0)
    {
        var sample = watch.Mark(new GpuSample(Gpu, 0, "", Now.AddSeconds(seconds)));
        return (sample.ForeignProcesses, sample.ForeignMemoryBytes);
    }
}
