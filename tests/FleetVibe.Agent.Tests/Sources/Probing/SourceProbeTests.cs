using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Probing;
using FleetVibe.Agent.Tests.Sources.Vllm;

namespace FleetVibe.Agent.Tests.Sources.Probing;

public class SourceProbeTests
{
    private static Task<SourceProbeResult> ProbeAsync(SourceSettings settings, params FetchOutcome[] answers) =>
        SourceProbe.ProbeAsync(settings, new NoWaiting(), new Answers(answers).Create, CancellationToken.None);

    private static FetchOutcome Page(string text) => new(new FetchedPage(Encoding.UTF8.GetBytes(text), null, VllmPages.Epoch), null, "");

    [Fact]
    public async Task A_vllm_page_is_told_by_its_models_and_families()
    {
        var result = await ProbeAsync(VllmPages.Settings, Page(VllmPages.Engine(latency: [0, 0, 0, 1])));
        Assert.True(result.Ok);
        Assert.Equal([VllmPages.Model], result.Models);
        Assert.Contains("e2e_request_latency_seconds", result.Found);
        Assert.Empty(result.Warnings);
    }

    [Fact]
    public async Task A_vllm_page_without_latency_is_warned_of() =>
        Assert.Single((await ProbeAsync(VllmPages.Settings, Page(VllmPages.Engine()))).Warnings);

    [Fact]
    public async Task A_failure_is_handed_on_with_its_cure()
    {
        var result = await ProbeAsync(VllmPages.Settings, Page("# TYPE python_info gauge\npython_info 1\n"));
        Assert.Equal((false, ErrorClass.MetricsDisabled), (result.Ok, result.Error));
        Assert.Contains("--disable-log-stats", result.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_summary_is_read_twice_and_a_counter_that_fell_is_warned_of()
    {
        var settings = new VibeThinkerSourceSettings { Endpoint = new Uri("http://127.0.0.1:8080/metrics") };
        var result = await ProbeAsync(settings, Page("""{"requests":4,"input_tokens":9}"""), Page("""{"requests":4,"input_tokens":3}"""));
        Assert.True(result.Ok);
        Assert.Contains("input_tokens", Assert.Single(result.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_in_place_of_a_log_is_named_as_such()
    {
        var result = await ProbeAsync(new JsonLogSourceSettings { Path = Path.GetTempPath() });
        Assert.Equal((ErrorClass.WrongContent, $"{Path.GetTempPath()} is no regular file; name the log file itself"), (result.Error, result.Text));
    }

    [Fact]
    public async Task Token_counts_that_cannot_be_used_are_named_with_their_fields_and_limit()
    {
        var path = Path.Combine(Path.GetTempPath(), $"fleetvibe-{Guid.NewGuid():N}.jsonl");
        try
        {
            await File.WriteAllTextAsync(path, "{\"timestamp\":1763964000,\"model\":\"m\",\"used\":1e18}\n");
            var result = await ProbeAsync(new JsonLogSourceSettings { Path = path, Fields = new LogFields { OutputTokens = "used" } });
            Assert.Contains("bad_tokens: `prompt_tokens` or `used` is negative, above 1000000000000, not finite or no number", result.Text, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task A_log_is_told_by_its_first_lines()
    {
        var path = Path.Combine(Path.GetTempPath(), $"fleetvibe-{Guid.NewGuid():N}.jsonl");
        var settings = new JsonLogSourceSettings { Path = path };
        Assert.Equal(ErrorClass.FileMissing, (await ProbeAsync(settings)).Error);
        try
        {
            await File.WriteAllTextAsync(path, "INFO started\nINFO ready\n");
            Assert.Equal(ErrorClass.WrongContent, (await ProbeAsync(settings)).Error);
            await File.WriteAllTextAsync(path, "{\"timestamp\":1763964000,\"model\":\"m\"}\nnoise\n{\"half");
            var result = await ProbeAsync(settings);
            Assert.True(result.Ok);
            Assert.Contains("of the first 2 lines 1 is a request (json)", result.Text, StringComparison.Ordinal);
            Assert.Contains("1 of the first 2 lines will be skipped: not_json", Assert.Single(result.Warnings), StringComparison.Ordinal);
            Assert.Equal(["m"], result.Models);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task Logs_of_a_pattern_are_told_together_and_another_format_is_suggested()
    {
        var folder = Directory.CreateTempSubdirectory("fleetvibe-probe-").FullName;
        try
        {
            var settings = new JsonLogSourceSettings { Path = Path.Combine(folder, "*.log"), Model = "m" };
            Assert.Contains("matches no file", (await ProbeAsync(settings)).Text, StringComparison.Ordinal);
            await File.WriteAllTextAsync(Path.Combine(folder, "a.log"), "");
            await File.WriteAllTextAsync(
                Path.Combine(folder, "b.log"), "2025-11-24T06:00:00Z stderr F INFO: ready\n2025-11-24T06:00:00Z stdout F INFO: 10.0.0.1:1 - \"POST /generate HTTP/1.1\" 200 OK\n");
            var wrong = await ProbeAsync(settings);
            Assert.Equal((false, ErrorClass.WrongContent), (wrong.Ok, wrong.Error));
            Assert.EndsWith("they look like format = \"uvicorn\"", wrong.Text, StringComparison.Ordinal);

            var right = await ProbeAsync(settings with { Format = "uvicorn" });
            Assert.True(right.Ok);
            Assert.Equal(
                $"{settings.Path} matches 2 files; {Path.Combine(folder, "b.log")}: of the first 2 lines 1 is a request (uvicorn, in a container's envelope), 1 of other things", right.Text);
            Assert.Empty(right.Warnings);
            Assert.Contains("set model", Assert.Single((await ProbeAsync(settings with { Format = "uvicorn", Model = null })).Warnings), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData(0, "GPU 0: NVIDIA L4 (UUID: GPU-1)\n", true)]
    [InlineData(0, "", false)]
    [InlineData(9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", false)]
    public void Nvidia_smi_is_judged_by_what_it_lists(int exitCode, string output, bool ok) =>
        Assert.Equal(ok, NvidiaSmiProbe.Judge("nvidia-smi", exitCode, output).Ok);

    [Fact]
    public async Task A_tool_that_is_not_there_is_a_failed_tool() =>
        Assert.Equal(ErrorClass.ToolFailed, (await ProbeAsync(new NvidiaSmiSourceSettings { Command = "/nowhere/nvidia-smi" })).Error);

    private sealed class Answers(IEnumerable<FetchOutcome> outcomes) : ISourceClient
    {
        private readonly Queue<FetchOutcome> _outcomes = new(outcomes);

        public Answers Create(HttpSourceSettings settings, PageWanted wanted, TimeProvider time) => this;

        public Task<FetchOutcome> FetchAsync(CancellationToken cancellation) => Task.FromResult(_outcomes.Dequeue());

        public void Dispose()
        {
        }
    }

    /// <summary>Timers are due at once.</summary>
    private sealed class NoWaiting : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? TimeSpan.Zero : dueTime, period);
    }
}
