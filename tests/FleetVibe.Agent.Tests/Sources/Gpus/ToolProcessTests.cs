using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Tests.Sources.Gpus;

public sealed class ToolProcessTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fleetvibe-smi-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_killed_tool_takes_its_children_with_it()
    {
        var script = Write("sleep 1000 &\necho $!\necho 'index, uuid'\necho '0, GPU-1'\nwait\n");
        var lines = new List<string>();
        var printed = new TaskCompletionSource();
        using var kill = new CancellationTokenSource();
        var run = new ToolProcess(TimeProvider.System).RunAsync(
            "/bin/sh",
            [script],
            line =>
            {
                lines.Add(line);
                if (lines.Count == 3)
                {
                    printed.SetResult();
                }
            },
            kill.Token);
        await printed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(IsAlive(lines[0]));
        await kill.CancelAsync();
        Assert.Equal(137, await run.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(["index, uuid", "0, GPU-1"], lines.Skip(1));

        // It has let go of the output; the kernel may still be burying it.
        Assert.True(SpinWait.SpinUntil(() => !IsAlive(lines[0]), TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task Exit_code_and_both_outputs_arrive_before_the_end()
    {
        var script = Write("echo 'No devices were found'\necho 'to stderr' >&2\nexit 6\n");
        var lines = new List<string>();
        var exitCode = await new ToolProcess(TimeProvider.System).RunAsync("/bin/sh", [script], lines.Add, CancellationToken.None);
        Assert.Equal(6, exitCode);
        Assert.Equal(["No devices were found", "to stderr"], lines.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_tool_that_is_not_there_is_reported_and_not_thrown_over_the_source()
    {
        var lines = new List<string>();
        var exitCode = await new ToolProcess(TimeProvider.System).RunAsync(Path.Combine(_folder, "nvidia-smi"), [], lines.Add, CancellationToken.None);
        Assert.Equal(127, exitCode);
        Assert.Contains("No such file", string.Concat(lines), StringComparison.Ordinal);
    }

    private static bool IsAlive(string pid)
    {
        try
        {
            // Without an init that collects them the dead stay as zombies.
            return !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private string Write(string script)
    {
        var path = Path.Combine(_folder, "tool.sh");
        File.WriteAllText(path, script);
        return path;
    }
}
