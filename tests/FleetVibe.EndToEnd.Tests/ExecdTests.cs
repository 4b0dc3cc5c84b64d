using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>The rules of Telegraf's inputs.execd, each held against the real binary under a stand-in that does what Telegraf does.</summary>
public class ExecdTests
{
    // Under nohup SIGHUP is ignored, by every child too.
    private static readonly string[] Signals = ["USR1", "USR2", IsHangUpIgnored() ? "USR1" : "HUP"];

    private static readonly Rule[] Table =
    [
        new("a newline collects each source once; a block of the plugin works as it is", NewlinesAsync, HasOneScrapeAPrompt),
        new("SIGUSR1, SIGUSR2 and SIGHUP collect like a newline", SignalsAsync, HasOneScrapeAPrompt),
        new("newlines while a collection runs are dropped", ManyNewlinesAsync, s => Assert.Equal(1, s.Scrapes)),
        new("the end of standard input ends it, and what a newline asked for before is printed first", NewlineAndEndAsync, HasAllRequests),
        new("the end of standard input ends it where nothing was asked for", NothingAsync, s => Assert.Equal([0], s.Telegraf.Exits)),
        new("SIGTERM ends it in the same way", TermAsync, HasAllRequests),
        new("without newlines it goes by its own clock", OwnClockAsync, HasAllRequests),
        new("it starts with its targets down and says so in points and on standard error", TargetDownAsync, TargetIsDown),
        new("a crash and a restart lose nothing and double nothing", CrashAsync, HasAllRequests),
        new("a slow reader loses nothing, doubles nothing and holds up no collection", SlowReaderAsync, HasAllRequestsOnce),
        new("where nobody reads it ends in time all the same, and the next start prints the rest", StuckReaderAsync, HasAllRequests),
        new("a reader that is gone ends it, and what it did not get is printed after the restart", ReaderGoneAsync, HasAllRequests),
        new("a wrong configuration ends it with 2, names the place and prints nothing", WrongConfigurationAsync, IsRefused),
        new("a file that changes is taken over, and one with a mistake changes nothing and is told", ChangedFileAsync, HasTakenItOver),
        new("a folder that another one still holds is waited for, so that stop_on_error can be used", HeldFolderAsync, HasAllRequests),
    ];

    public static TheoryData<string> Rules() => [.. Table.Select(rule => rule.Name)];

    [Theory]
    [MemberData(nameof(Rules))]
    public async Task It_keeps_the_rules_of_inputs_execd(string name)
    {
        var rule = Table.Single(candidate => candidate.Name == name);
        await using var scene = await ExecdScene.CreateAsync();

        await rule.Done(scene);
        await scene.Telegraf.StopAsync();

        rule.Holds(scene);
        foreach (var telegraf in scene.Telegrafs)
        {
            Assert.False(telegraf.NeededTerm, $"SIGTERM was needed: {telegraf.Story}");
            Assert.Empty(telegraf.Rejected);
            Assert.All(telegraf.ErrorLines, line => Assert.Matches("^[EWID]! ", line));
            Assert.All(telegraf.Points, IsOneOfOurs);
        }
    }

    private static async Task NewlinesAsync(ExecdScene scene)
    {
        scene.Start(scene.Block);
        for (var n = 1; n <= 3; n++)
        {
            await GatherUntilAsync(scene, n);
        }
    }

    private static async Task SignalsAsync(ExecdScene scene)
    {
        scene.Start();
        await scene.Until(() => scene.Telegraf.ErrorLines.Any(line => line.Contains("prints the points of 2 sources", StringComparison.Ordinal)));
        foreach (var (n, signal) in Signals.Index())
        {
            await GatherUntilAsync(scene, n + 1, () => scene.Telegraf.SignalAsync(signal));
        }
    }

    private static async Task ManyNewlinesAsync(ExecdScene scene)
    {
        scene.HoldAnswers();
        scene.Start();
        for (var n = 0; n < 20; n++)
        {
            scene.Telegraf.Gather();
        }

        await scene.Until(() => scene.Scrapes > 0);
        scene.Telegraf.Gather();
        scene.Answer();
    }

    private static Task NothingAsync(ExecdScene scene)
    {
        scene.Start();
        return Task.CompletedTask;
    }

    private static Task NewlineAndEndAsync(ExecdScene scene)
    {
        scene.Log(3, secondsAgo: 0);
        scene.Start();
        scene.Telegraf.Gather();
        return Task.CompletedTask;
    }

    private static async Task TermAsync(ExecdScene scene)
    {
        scene.Log(3, secondsAgo: 0);
        scene.Start();
        await GatherUntilAsync(scene, 1);
        await scene.Telegraf.SignalAsync("TERM");
        await scene.Until(() => scene.Telegraf.Exits.Count > 0);
        Assert.Equal(0, scene.Telegraf.Exits[0]);
    }

    private static async Task OwnClockAsync(ExecdScene scene)
    {
        scene.Log(3, secondsAgo: 60);
        scene.Start();
        await scene.Until(() => scene.Requests == 3);
    }

    private static Task TargetDownAsync(ExecdScene scene)
    {
        scene.Start(
            $"""
            [[agent.sources]]
            kind = "vllm"
            endpoint = "http://127.0.0.1:{ExecdScene.ClosedPort()}/metrics"
            """);
        scene.Telegraf.Gather();
        return Task.CompletedTask;
    }

    private static async Task CrashAsync(ExecdScene scene)
    {
        scene.Log(20, secondsAgo: 60);
        scene.Start();
        await scene.Until(() => scene.Requests > 0);
        scene.Log(20, secondsAgo: 0);
        await scene.Telegraf.SignalAsync("KILL");
        scene.Log(20, secondsAgo: 60);
        await scene.Until(() => scene.Telegraf.Exits.Count == 1);
        await scene.Until(() => scene.Requests >= 50);
        await GatherUntilAsync(scene, scene.Scrapes + 1);
    }

    private static async Task SlowReaderAsync(ExecdScene scene)
    {
        scene.Log(800, secondsAgo: 60);
        scene.Start(reads: false);
        await GatherUntilAsync(scene, 1);
        await GatherUntilAsync(scene, 2);
        scene.Telegraf.ReadOn();
        await scene.Until(() => scene.Requests == 800);
    }

    private static async Task StuckReaderAsync(ExecdScene scene)
    {
        scene.Log(800, secondsAgo: 60);
        scene.Start(reads: false);
        await GatherUntilAsync(scene, 1);
        await scene.Telegraf.StopAsync();
        Assert.NotEqual("", scene.Telegraf.Leftover);
        Assert.InRange(scene.Requests, 1, 799);
        scene.Start();
        await scene.Until(() => scene.Requests == 800);
    }

    private static async Task ReaderGoneAsync(ExecdScene scene)
    {
        scene.Start(reads: false);
        await GatherUntilAsync(scene, 1);
        scene.Telegraf.CloseOutput();
        scene.Log(20, secondsAgo: 60);
        await scene.Until(() => scene.Telegraf.Exits.Count == 1);
        Assert.Equal(0, scene.Telegraf.Exits[0]);
        await scene.Until(() => scene.Requests == 20);
    }

    private static async Task WrongConfigurationAsync(ExecdScene scene)
    {
        scene.Start($"{scene.Block}\n[[inputs.vibe_thinker]]\n  endpint = \"http://127.0.0.1:1\"\n  alias = \"mine\"", stopOnError: true);
        await scene.Telegraf.EndedAsync(ExecdScene.Limit);
    }

    private static async Task ChangedFileAsync(ExecdScene scene)
    {
        scene.Start(scene.Block);
        await GatherUntilAsync(scene, 1);
        scene.Configure($"{scene.Block}\n[[agent.sources]]\nkind = \"json_lgo\"");
        await scene.Until(() => HasLine(scene, "E! ", "execd.toml:8:8: kind = \"json_lgo\" is no kind of source"));
        await GatherUntilAsync(scene, scene.Scrapes + 1);
        scene.Log(3, secondsAgo: 60);
        scene.Configure($"[node]\nname = \"another\"\n{scene.LogSource}");
        await scene.Until(() => scene.Requests == 3);
        await scene.Until(() => HasLine(scene, "I! ", "sources changed: added json_log:requests.jsonl; removed vibethinker:"));
        var scrapes = scene.Scrapes;
        scene.Telegraf.Gather();
        await scene.Telegraf.StopAsync();
        Assert.Equal(scrapes, scene.Scrapes);
    }

    private static async Task HeldFolderAsync(ExecdScene scene)
    {
        scene.Log(3, secondsAgo: 60);
        scene.Start();
        await GatherUntilAsync(scene, 1);
        scene.Start(stopOnError: true);
        await scene.Until(() => scene.Telegraf.ErrorLines.Any(line => line.StartsWith("E! ", StringComparison.Ordinal) && line.Contains("trying again", StringComparison.Ordinal)));
        await scene.Telegrafs[0].StopAsync();
        scene.Log(3, secondsAgo: 60);
        await scene.Until(() => scene.Requests == 6);
        Assert.Empty(scene.Telegraf.Exits);
    }

    // A prompt that comes while a round still runs is dropped, so it is given until one was heard.
    private static Task GatherUntilAsync(ExecdScene scene, int scrapes, Func<Task>? prompt = null) =>
        Eventually.Holds(
            async () =>
            {
                if (scene.Scrapes < scrapes)
                {
                    scene.Prompts++;
                    await (prompt?.Invoke() ?? Task.Run(scene.Telegraf.Gather));
                }

                return scene.Scrapes >= scrapes;
            },
            ExecdScene.Limit,
            () => scene.Telegraf.Story);

    private static bool IsHangUpIgnored()
    {
        var ignored = File.ReadLines("/proc/self/status").First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))["SigIgn:".Length..].Trim();
        return (Convert.ToUInt64(ignored, 16) & 1) != 0;
    }

    private static void HasOneScrapeAPrompt(ExecdScene scene) => Assert.InRange(scene.Scrapes, 3, scene.Prompts);

    private static void HasAllRequests(ExecdScene scene) => Assert.Equal(scene.Written, scene.Requests);

    private static void HasAllRequestsOnce(ExecdScene scene)
    {
        HasAllRequests(scene);
        var lines = scene.Telegraf.Points.Select(point => $"{ExecdScene.KeyOf(point)} {string.Join(',', point.Fields)}").ToList();
        Assert.Equal(lines.Distinct(), lines);
    }

    private static void TargetIsDown(ExecdScene scene)
    {
        var target = scene.Telegraf.Points.Last(point => point.Measurement == "vibe_target");
        Assert.False(target.Fields.Single(field => field.Key == "up").Value.Boolean);
        Assert.Equal("connect", target.Fields.Single(field => field.Key == "error_class").Value.Text);
        Assert.Contains(scene.Telegraf.ErrorLines, line => line.StartsWith("W! ", StringComparison.Ordinal));
        Assert.Equal([0], scene.Telegraf.Exits);
    }

    private static void IsRefused(ExecdScene scene)
    {
        Assert.Equal([2], scene.Telegraf.Exits);
        Assert.Empty(scene.Telegraf.Points);
        Assert.Contains(scene.Telegraf.ErrorLines, line => line.StartsWith("E! ", StringComparison.Ordinal) && line.Contains("execd.toml:8:3: unknown key \"endpint\" in [inputs.vibe_thinker]: did you mean \"endpoint\"?", StringComparison.Ordinal));
        Assert.Contains(scene.Telegraf.ErrorLines, line => line.Contains("alias", StringComparison.Ordinal) && line.Contains("[[inputs.execd]]", StringComparison.Ordinal));
    }

    private static void HasTakenItOver(ExecdScene scene)
    {
        HasAllRequests(scene);
        Assert.True(HasLine(scene, "W! ", "execd.toml:2:8: name of [node] changed"), scene.Telegraf.Story);
        Assert.True(HasLine(scene, "I! ", "configuration read again (it changed): its changes are in force; 1 change needs a restart"), scene.Telegraf.Story);
        Assert.Contains(scene.Telegraf.Points, point => point.Tags.Any(tag => tag is { Key: "kind", Value: "config_refused" }));
        Assert.DoesNotContain(scene.Telegraf.ErrorLines, line => line.Contains("dead letters", StringComparison.Ordinal));
    }

    private static bool HasLine(ExecdScene scene, string level, string text) =>
        scene.Telegraf.ErrorLines.Any(line => line.StartsWith(level, StringComparison.Ordinal) && line.Contains(text, StringComparison.Ordinal));

    private static void IsOneOfOurs(ParsedPoint point)
    {
        Assert.StartsWith("vibe_", point.Measurement, StringComparison.Ordinal);
        Assert.Contains(point.Tags, tag => tag.Key == "host");
        Assert.True(point.TimestampNs > 0);
    }

    /// <summary>A row of the table: what is done to a running plugin, and what must hold once Telegraf has stopped it.</summary>
    private sealed record Rule(string Name, Func<ExecdScene, Task> Done, Action<ExecdScene> Holds);
}
