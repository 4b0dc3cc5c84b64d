using System.Globalization;
using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Exec;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Tests.Sources.Exec;

/// <summary>Real commands: only a run that is whole is a page.</summary>
public class ExecClientTests
{
    private static ExecSourceSettings Sh(string script) => new() { Argv = ["sh", "-c", script], Output = ExecOutput.Json, Timeout = TimeSpan.FromMinutes(1) };

    private static async Task<FetchOutcome> RunAsync(ExecSourceSettings settings, string? cursor = null)
    {
        using var client = new ExecClient(settings, TimeProvider.System);
        return await client.FetchSinceAsync(new CounterState("", default) { Cursor = cursor }, CancellationToken.None);
    }

    private static string Text(FetchOutcome outcome) => Encoding.UTF8.GetString(outcome.Page!.Body.Span);

    [Fact]
    public async Task Standard_output_is_the_page_and_standard_error_goes_to_the_log()
    {
        var outcome = await RunAsync(Sh("echo out; echo one >&2; echo two >&2"));

        Assert.Equal("out\n", Text(outcome));
        Assert.Equal("one | two", outcome.Aside);
    }

    [Fact]
    public async Task The_environment_is_small_and_holds_the_cursor()
    {
        var outcome = await RunAsync(Sh("env | sort") with { Environment = new Dictionary<string, string> { ["KEY"] = "v" } }, cursor: "c 1");
        var names = Text(outcome).Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith("PWD=", StringComparison.Ordinal) && !line.StartsWith("OLDPWD=", StringComparison.Ordinal) && !line.StartsWith("SHLVL=", StringComparison.Ordinal) && !line.StartsWith("_=", StringComparison.Ordinal));

        Assert.Equal(["FLEETVIBE_CURSOR=c 1", "HOME=", "KEY=v", "LC_ALL=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], names.Select(n => n.StartsWith("HOME=", StringComparison.Ordinal) ? "HOME=" : n));
    }

    [Fact]
    public async Task Of_a_run_that_fails_nothing_counts()
    {
        var outcome = await RunAsync(Sh("echo '{\"timestamp\":1}'; echo no database >&2; exit 3"));

        Assert.Equal((null, ErrorClass.ToolFailed), (outcome.Page, outcome.Error));
        Assert.Equal("sh ended with 3, so that nothing it printed counts: no database", outcome.Text);
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_named()
    {
        var outcome = await RunAsync(new ExecSourceSettings { Argv = ["/no/such/tool"], Output = ExecOutput.Json });

        Assert.Equal((ErrorClass.ToolFailed, "/no/such/tool cannot be started: there is no such program, or it may not be run"), (outcome.Error, outcome.Text));
    }

    [Fact]
    public async Task A_run_that_takes_too_long_is_killed_with_its_children()
    {
        using var folder = new TempFolder();
        var file = Path.Combine(folder.Path, "child");
        var outcome = await RunAsync(Sh($"echo '{{\"timestamp\":1}}'; sleep 600 & echo $! > {file}; wait") with { Timeout = TimeSpan.FromSeconds(2) });

        Assert.Equal((null, ErrorClass.Timeout), (outcome.Page, outcome.Error));
        Assert.Contains("had not ended after 2 s and was killed with its children", outcome.Text, StringComparison.Ordinal);
        var child = int.Parse(await File.ReadAllTextAsync(file), CultureInfo.InvariantCulture);
        while (IsRunning(child))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    [Fact]
    public async Task Output_without_end_is_cut_off_and_counts_nothing()
    {
        var outcome = await RunAsync(Sh("cat /dev/zero"));

        Assert.Equal((null, ErrorClass.TooLarge), (outcome.Page, outcome.Error));
    }

    // A zombie waits for its new parent to take notice; it runs no more.
    private static bool IsRunning(int process)
    {
        try
        {
            return !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
