using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Composition;
using FleetVibe.Configuration;
using FleetVibe.Configuration.Reloading;

namespace FleetVibe.Tests.Configuration;

public sealed class ReloadingTests : IDisposable
{
    private const string Base = """
        [node]
        name = "gpu-1"
        [agent]
        aggregators = ["https://a:1"]
        token_file = "/t"
        grace = "2s"
        [[agent.sources]]
        kind = "json_log"
        path = "/var/log/a.jsonl"

        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("fleetvibe-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static LoadedConfiguration Load(string text)
    {
        var loaded = Loading.Load(text);
        Assert.Equal("", Loading.Text(loaded, errorsOnly: true));
        return loaded;
    }

    private static string Restart(string before, string after) => string.Join('\n', ConfigurationChange.NeedingRestart(Load(before), Load(after)));

    [Fact]
    public void What_needs_a_restart_is_named_with_its_place_and_the_value_in_force()
    {
        Assert.Equal(
            """
            fleetvibe.toml:2:8: warning: name of [node] changed (in force: "gpu-1"): it needs a restart, until then the old value stays
            fleetvibe.toml:4:1: warning: aggregators of [agent] changed (in force: ["https://a:1"]): it needs a restart, until then the old value stays
            """,
            Restart(Base, Base.Replace("gpu-1", "gpu-2", StringComparison.Ordinal).Replace("https://a:1", "https://b:1", StringComparison.Ordinal)));
        Assert.Equal(
            "fleetvibe.toml:10:1: warning: [gateway] is new: it needs a restart\nfleetvibe.toml:12:1: warning: [gateway.telegraf] is new: it needs a restart",
            Restart(Base, Base + "[gateway]\nlisten = \"127.0.0.1:1\"\n[gateway.telegraf]\nurl = \"http://127.0.0.1:2\""));
        Assert.Contains("[gateway] is gone: until a restart its role goes on", Restart(Base + "[gateway]\nlisten = \"127.0.0.1:1\"\n[gateway.telegraf]\nurl = \"http://127.0.0.1:2\"", Base), StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_of_every_role_read_twice_needs_nothing() => Assert.Equal("", Restart(Samples.AllInOne, Samples.AllInOne));

    [Theory]
    [InlineData("")]
    [InlineData("[[agent.sources]]\nkind = \"nvidia_smi\"")]
    [InlineData("[[agent.discovery]]\nkind = \"kubernetes\"\n[agent.discovery.source]\nkind = \"vllm\"")]
    [InlineData("[[inputs.vibe_thinker]]\nendpoint = \"http://127.0.0.1:1\"")]
    public void Sources_and_discoveries_need_none(string added)
    {
        Assert.Equal("", Restart(Base, Base + added));
        Assert.Equal("", Restart(Base + added, Base));
        Assert.Equal(added.Length > 0, ConfigurationChange.Reloads(Load(Base).Settings!, Load(Base + added).Settings!));
    }

    [Fact]
    public void A_proxy_that_comes_changes_or_goes_holds_its_port_until_a_restart()
    {
        const string OneProxy = "[[agent.sources]]\nkind = \"proxy\"\nlisten = \"127.0.0.1:11434\"\nendpoint = \"http://127.0.0.1:11435\"\n";
        const string Warning = "fleetvibe.toml:10:1: warning: sources of kind proxy changed: they hold their ports until a restart";
        var moved = OneProxy.Replace(":11434", ":11436", StringComparison.Ordinal);

        Assert.Equal(Warning, Restart(Base, Base + OneProxy));
        Assert.Equal(Warning, Restart(Base + OneProxy, Base));
        Assert.Equal(Warning, Restart(Base + OneProxy, Base + moved));
        Assert.Equal("", Restart(Base + OneProxy, Base + OneProxy));
        Assert.False(ConfigurationChange.Reloads(Load(Base + OneProxy).Settings!, Load(Base + moved).Settings!));
        var reloaded = Load(Base + OneProxy).Settings!.Agent!.Reloaded(Load(Base + moved + "[[agent.sources]]\nkind = \"nvidia_smi\"").Settings!.Agent!);
        Assert.Equal(["127.0.0.1:11434"], reloaded.Sources.OfType<ProxySourceSettings>().Select(source => source.Listen.Address.ToString()));
        Assert.Equal(3, reloaded.Sources.Count);
    }

    [Fact]
    public void Times_and_limits_of_the_agent_need_none()
    {
        var other = Base.Replace("grace = \"2s\"", "grace = \"3s\"\ninterval = \"5s\"\nheartbeat = \"4s\"\nspool_max_bytes = \"2GiB\"\nmax_series = 9", StringComparison.Ordinal);

        Assert.Equal("", Restart(Base, other));
        Assert.True(ConfigurationChange.Reloads(Load(Base).Settings!, Load(other).Settings!));
    }

    [Fact]
    public void New_content_counts_once_it_stands_still()
    {
        var file = Path.Combine(_folder, "f.toml");
        File.WriteAllText(file, "a");
        var content = new SettledContent(file);
        Assert.False(content.Look());
        File.WriteAllText(file, "ab");
        Assert.False(content.Look());
        File.WriteAllText(file, "abc");
        Assert.False(content.Look());
        Assert.True(content.Look());
        Assert.False(content.Look());

        // A replacement by rename, with nothing there for a moment.
        File.Delete(file);
        Assert.False(content.Look());
        Assert.False(content.Look());
        File.WriteAllText(file, "abc");
        Assert.False(content.Look());
        Assert.False(content.Look());
    }

    [Fact]
    public void A_link_that_is_swapped_is_a_change()
    {
        File.WriteAllText(Path.Combine(_folder, "one"), "1");
        File.WriteAllText(Path.Combine(_folder, "two"), "2");
        var link = Path.Combine(_folder, "link");
        File.CreateSymbolicLink(link, Path.Combine(_folder, "one"));
        var content = new SettledContent(link);
        File.CreateSymbolicLink(link + "2", Path.Combine(_folder, "two"));
        File.Move(link + "2", link, overwrite: true);

        Assert.False(content.Look());
        Assert.True(content.Look());
    }

    [Fact]
    public void A_reload_changes_what_it_can_says_what_it_cannot_and_refuses_what_is_wrong()
    {
        var file = Path.Combine(_folder, "fleetvibe.toml");
        File.WriteAllText(file, Base);
        using var output = new StringWriter();
        using var error = new StringWriter();
        var roles = new Recorded();
        var next = Load(Base);
        var reloader = new Reloader(file, Load(Base), () => next, roles, new PlainLines(output, error));

        reloader.Reload("SIGHUP");
        Assert.Equal("configuration read again (SIGHUP): nothing changed that can be brought into force\n", output.ToString());
        next = Loading.Load(Base + "[[agent.sources]]\nkind = \"vlm\"");
        reloader.Reload("it changed");
        Assert.Empty(roles.Changed);
        Assert.Contains("fleetvibe.toml:11:8: error: kind = \"vlm\" is no kind of source", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("configuration refused (it changed)", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("fleetvibe.toml:11:8: error: kind = \"vlm\"", Assert.Single(roles.Refused), StringComparison.Ordinal);

        next = Load(Base.Replace("gpu-1", "gpu-2", StringComparison.Ordinal) + "[[agent.sources]]\nkind = \"nvidia_smi\"");
        reloader.Reload("it changed");
        reloader.Reload("SIGHUP");
        var changed = Assert.Single(roles.Changed).Agent!;
        Assert.Equal(("gpu-1", 2), (changed.Node, changed.Sources.Count));
        Assert.EndsWith(
            "(it changed): its changes are in force; 1 change needs a restart\nconfiguration read again (SIGHUP): nothing changed that can be brought into force; 1 change needs a restart\n",
            output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Under_Telegraf_each_line_of_a_reload_has_its_level_and_the_place_of_a_mistake()
    {
        using var error = new StringWriter();
        var roles = new Recorded();
        LoadedConfiguration Execd(string text) => ConfigurationLoader.Load(
            text, "execd.toml", new LoadingOptions { Purpose = ConfigurationPurpose.Execd, CheckFiles = false, MachineName = "a", Environment = new Dictionary<string, string>() });
        var sources = "[node]\nname = \"gpu-1\"\n[[agent.sources]]\nkind = \"json_log\"\npath = \"/a.jsonl\"\n";
        var next = Execd(sources + "[[agent.sources]]\nkind = \"vlm\"");
        var reloader = new Reloader("execd.toml", Execd(sources), () => next, roles, new TelegrafLines(error));

        reloader.Reload("it changed");
        Assert.Empty(roles.Changed);
        next = Execd(sources.Replace("gpu-1", "gpu-2", StringComparison.Ordinal) + "[[agent.sources]]\nkind = \"nvidia_smi\"");
        reloader.Reload("it changed");

        Assert.Equal(2, Assert.Single(roles.Changed).Agent!.Sources.Count);
        var lines = error.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, lines.Length);
        Assert.StartsWith("E! execd.toml:7:8: kind = \"vlm\" is no kind of source", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("E! configuration refused (it changed): the one before stays in force; correct execd.toml", lines[1], StringComparison.Ordinal);
        Assert.Equal("W! execd.toml:2:8: name of [node] changed (in force: \"gpu-1\"): it needs a restart, until then the old value stays", lines[2]);
        Assert.Equal("I! configuration read again (it changed): its changes are in force; 1 change needs a restart", lines[3]);
    }

    private sealed class Recorded : IReloadable
    {
        public List<FleetVibeSettings> Changed { get; } = [];

        public List<string> Refused { get; } = [];

        public void Change(FleetVibeSettings settings) => Changed.Add(settings);

        public void ReportRefused(string text) => Refused.Add(text);
    }
}
