using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.Kernel;
using FleetVibe.Agent.Tests.Sources.Gpus;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Sources.Kernel;

public class OomKillTests
{
    [Theory]
    [InlineData(
        "Out of memory: Killed process 4711 (VLLM::EngineCor) total-vm:91234567kB, anon-rss:31457280kB, file-rss:12kB, shmem-rss:0kB, UID:1000 pgtables:70000kB oom_score_adj:0",
        EventSeverity.Error, "the kernel killed VLLM::EngineCor (process 4711), which held 30.0 GiB: the machine has no memory left")]
    [InlineData(
        "Nov 28 10:00:00 gpu-1 kernel: [12345.678901] Memory cgroup out of memory: Killed process 7 (python3) total-vm:9kB, anon-rss:1048576kB, file-rss:0kB",
        EventSeverity.Error, "the kernel killed python3 (process 7), which held 1.0 GiB: the memory limit of its cgroup was reached")]
    [InlineData(
        "Out of memory: Kill process 12 (mysqld) score 900 or sacrifice child", EventSeverity.Warning, "the kernel killed mysqld (process 12): the machine has no memory left")]
    public void A_kill_is_an_event(string message, object severity, string text) =>
        Assert.Equal(new SourceEvent("oom_kill", (EventSeverity)severity, text, At(3)), OomKill.In(message)!.Value.ToEvent(At(3)));

    [Theory]
    [InlineData("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=python3,pid=4711,uid=0")]
    [InlineData("oom_reaper: reaped process 4711 (python3), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB")]
    [InlineData("python3 invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0")]
    [InlineData("Out of memory: Killed process 99999999999 (x)")]
    [InlineData("")]
    public void Other_lines_of_the_same_kill_are_none(string message) => Assert.Null(OomKill.In(message));

    [Fact]
    public void Kills_of_before_anybody_watched_are_not_told_and_later_ones_are()
    {
        using var log = new FakeKernelLog("Out of memory: Killed process 4711 (vllm) total-vm:1kB, anon-rss:1kB");
        using var watch = new GpuWatch(new OwnProcesses([]), new FakeTable(), log);
        watch.LookAtLog(At(1));
        Assert.Empty(watch.Take().Events);
        watch.LookAtLog(At(2));
        var told = Assert.Single(watch.Take().Events);
        Assert.Equal(("oom_kill", At(2)), (told.Kind, told.At));
    }
}
