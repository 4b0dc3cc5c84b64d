using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Exec;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Agent.Tests.Sources.Exec;

/// <summary>Real commands: only a run that is whole is a page.</summary>
public sealed class ExecClientTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // A pipe with a name: while a command lives that writes to it, it does not end.
    private async Task<string> LifelineAsync()
    {
        var path = Path.Combine(_folder.Path, "alive");
        Assert.Null((await RunAsync(Sh($"mkfifo {path}"))).Error);
        return path;
    }

    // It opens when the command has opened its end.
    private static Task<FileStream> OpenAsync(string lifeline) =>
        Task.Run(() => new FileStream(lifeline, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0)).WaitAsync(Patience);

    private static async Task AssertNobodyLivesAsync(FileStream lifeline) =>
        Assert.Equal(0, await Task.Run(() => lifeline.Read(new byte[1])).WaitAsync(Patience));

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
        var lifeline = await LifelineAsync();
        var time = new FakeTimeProvider();
        using var client = new ExecClient(Sh($"echo '{{\"timestamp\":1}}'; sleep 600 > {lifeline} & wait") with { Timeout = TimeSpan.FromSeconds(2) }, time);
        var run = client.FetchAsync(CancellationToken.None);
        await using var child = await OpenAsync(lifeline);
        time.Advance(TimeSpan.FromSeconds(2));
        var outcome = await run.WaitAsync(Patience);

        Assert.Equal((null, ErrorClass.Timeout), (outcome.Page, outcome.Error));
        Assert.Contains("had not ended after 2 s and was killed with its children", outcome.Text, StringComparison.Ordinal);
        await AssertNobodyLivesAsync(child);
    }

    [Fact]
    public async Task What_a_run_leaves_behind_goes_with_it()
    {
        var lifeline = await LifelineAsync();
        var opening = OpenAsync(lifeline);
        var outcome = await RunAsync(Sh($"echo out; exec 3> {lifeline}; sleep 600 > /dev/null 2>&1 &"));
        await using var child = await opening;

        Assert.Equal("out\n", Text(outcome));
        await AssertNobodyLivesAsync(child);
    }

    [Fact]
    public async Task A_source_that_stops_ends_its_run()
    {
        var lifeline = await LifelineAsync();
        var client = new ExecClient(Sh($"exec sleep 600 > {lifeline}"), TimeProvider.System);
        var run = client.FetchAsync(CancellationToken.None);
        await using var child = await OpenAsync(lifeline);
        client.Dispose();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.WaitAsync(Patience));
        await AssertNobodyLivesAsync(child);
    }

    [Fact]
    public async Task Standard_input_is_empty()
    {
        Assert.Equal("end\n", Text(await RunAsync(Sh("cat; echo end"))));
    }

    [Fact]
    public async Task Of_much_standard_error_all_is_read_and_the_end_told()
    {
        var outcome = await RunAsync(Sh("yes noise | head -c 300000 >&2; echo no database >&2; echo out"));

        Assert.Equal("out\n", Text(outcome));
        Assert.EndsWith(" | no database", outcome.Aside, StringComparison.Ordinal);
        Assert.Equal(303, outcome.Aside.Length);
    }

    [Fact]
    public async Task Output_without_end_is_cut_off_and_counts_nothing()
    {
        var outcome = await RunAsync(Sh("cat /dev/zero"));

        Assert.Equal((null, ErrorClass.TooLarge), (outcome.Page, outcome.Error));
    }
}
