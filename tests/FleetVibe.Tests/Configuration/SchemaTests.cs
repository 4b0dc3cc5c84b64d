using FleetVibe.Agent.Sources;
using FleetVibe.Configuration;
using FleetVibe.Configuration.Schema;

namespace FleetVibe.Tests.Configuration;

public class SchemaTests
{
    internal static readonly string Root = FindRoot();
    private static readonly (string, string)[] Secrets = [("MODEL_TOKEN", "a"), ("SCOPE", "b")];

    /// <summary>Every key with the path of its section.</summary>
    public static TheoryData<string, string> Keys()
    {
        var keys = new TheoryData<string, string>();
        foreach (var (path, section) in ConfigurationSchema.Root.Walk())
        {
            foreach (var key in section.Keys)
            {
                keys.Add(path, key.Name);
            }
        }

        return keys;
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void No_key_is_read_by_nobody(string path, string name)
    {
        if ((path == "gateway" && name == "store") || (path == "agent.discovery" && name == "kind"))
        {
            return; // The others need another key beside it; MistakeTests and DiscoveryTests have them.
        }

        var key = ConfigurationSchema.Root.Walk().First(s => s.Path == path).Section.Key(name)!;
        var without = Base(path, key);
        var with = With(without, name, key.Type.Example);

        Assert.NotEqual(Dump(Loading.Settings(without, Secrets)), Dump(Loading.Settings(with, Secrets)));
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void Every_key_has_a_line_in_the_reference(string path, string name)
    {
        var page = ReferenceText.Markdown();
        var section = page[page.IndexOf(ConfigurationSchema.Root.Walk().First(s => s.Path == path).Section.IsList ? $"## `[[{path}]]`" : $"## `[{path}]`", StringComparison.Ordinal)..];
        var end = section.IndexOf("\n## ", StringComparison.Ordinal);

        Assert.Contains($"| `{name}` |", end < 0 ? section : section[..end], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("spool_max_bytes", "16MiB to 1TiB")]
    [InlineData("store_max_bytes", "64MiB to 16TiB")]
    [InlineData("window_retention", "1h to 30d")]
    [InlineData("heartbeat", "1s to 10s")]
    [InlineData("batch_lines", "1 to 100000")]
    public void The_reference_names_the_limits_of_a_key(string name, string limits) => Assert.Contains(
        limits, ReferenceText.Markdown().Split('\n').Single(line => line.StartsWith($"| `{name}` |", StringComparison.Ordinal)), StringComparison.Ordinal);

    /// <summary>Set FLEETVIBE_ACCEPT=1 to write the page anew.</summary>
    [Fact]
    public void The_reference_page_is_what_the_schema_says()
    {
        var file = Path.Combine(Root, "docs", "configuration.md");
        if (Environment.GetEnvironmentVariable("FLEETVIBE_ACCEPT") == "1")
        {
            File.WriteAllText(file, ReferenceText.Markdown());
        }

        Assert.Equal(ReferenceText.Markdown(), File.ReadAllText(file));
    }

    [Fact]
    public void Every_sample_in_deploy_is_good()
    {
        var samples = Directory.GetFiles(Path.Combine(Root, "deploy"), "*.toml");

        Assert.Equal(["agent.toml", "aggregator.toml", "all-in-one.toml", "gateway-postgres.toml", "gateway.toml"], samples.Select(s => Path.GetFileName(s)!).Order());
        foreach (var sample in samples)
        {
            var loaded = ConfigurationLoader.LoadFile(sample, new LoadingOptions { CheckFiles = false, MachineName = "node-a", Environment = new Dictionary<string, string>() });
            Assert.Empty(loaded.Findings);
            Assert.NotNull(loaded.Settings);
        }
    }

    // A good file with the section in it; values differ from the examples of the schema.
    private static string Base(string path, KeySpec key)
    {
        const string Server = "listen = \"127.0.0.1:1\"\ncert_file = \"/c\"\ntoken_file = \"/t\"\n";
        const string Telegraf = "[gateway.telegraf]\nurl = \"https://t:1\"\n";
        const string Aggregator = "[aggregator]\n" + Server + "gateways = [\"https://g:1\"]\ngateway_token_file = \"/t\"\n";
        const string Agent = "[agent]\naggregators = [\"https://a:1\"]\ntoken_file = \"/t\"\n";
        var only = key.OnlyFor.Count > 0 ? key.OnlyFor[0] : null;
        return path switch
        {
            "node" => "[gateway]\n" + Server + Telegraf + "[node]\n",
            "agent" => "[[agent.sources]]\nkind = \"nvidia_smi\"\n" + Agent,
            "agent.sources" => Agent + (only ?? SourceSchema.Dcgm) switch
            {
                SourceSchema.JsonLog => "[[agent.sources]]\nkind = \"json_log\"\npath = \"/x\"\n" + (key.Name == "only_paths" ? "format = \"nginx_json\"\n" : ""),
                SourceSchema.Proxy => "[[agent.sources]]\nkind = \"proxy\"\nlisten = \"127.0.0.1:1\"\nendpoint = \"https://127.0.0.1:2\"\n" + (key.Name == "key_file" ? "cert_file = \"/c\"\n" : ""),
                SourceSchema.NvidiaSmi => "[[agent.sources]]\nkind = \"nvidia_smi\"\n",
                SourceSchema.Nvml => "[[agent.sources]]\nkind = \"nvml\"\n",
                EngineSourceSettings.Generic => "[[agent.sources]]\nkind = \"prometheus\"\nendpoint = \"https://127.0.0.1:1\"\nmodel = \"m\"\nfamilies = { requests = \"x\" }\n",
                CollectorSchema.Exec => "[[agent.sources]]\nkind = \"exec\"\nargv = [\"/x\"]\noutput = \"json\"\n",
                CollectorSchema.Push => "[[agent.sources]]\nkind = \"push\"\n",
                var kind => $"[[agent.sources]]\nkind = \"{kind}\"\nendpoint = \"https://127.0.0.1:1\"\n",
            },
            "agent.sources.fields" => Agent + "[[agent.sources]]\nkind = \"json_log\"\npath = \"/x\"\n[agent.sources.fields]\n",
            "agent.discovery" => Agent + "[[agent.discovery]]\n" + (only switch
            {
                DiscoverySchema.Files => "kind = \"file_sd\"\nfiles = [\"/x\"]\n",
                DiscoverySchema.Http => "kind = \"http_sd\"\nurl = \"https://127.0.0.1:1\"\n",
                _ => "kind = \"kubernetes\"\n",
            }),
            "agent.discovery.source" => Agent + "[[agent.discovery]]\nkind = \"kubernetes\"\n[agent.discovery.source]\n"
                + (only is null ? "" : $"kind = \"{only}\"\n")
                + (only == EngineSourceSettings.Generic ? "families = { requests = \"x\" }\n" : ""),
            "inputs.vibe_thinker" => Agent + "[[inputs.vibe_thinker]]\nendpoint = \"https://127.0.0.1:1\"\n",
            "aggregator" => Aggregator,
            "aggregator.cluster" => Aggregator + "[aggregator.cluster]\nadvertise = \"x:1\"\nseeds = [\"x:1\"]\ncert_file = \"/c\"\nca_file = \"/d\"\n",
            "gateway" => Telegraf + "[gateway]\n" + Server + (only == GatewaySchema.Postgres ? "store = \"postgres\"\nconnection_file = \"/c\"\n" : ""),
            "gateway.telegraf" => "[gateway]\n" + Server + Telegraf
                + (only is null ? "" : $"dialect = \"{only}\"\n")
                + (only == GatewaySchema.V1 ? "username = \"u\"\npassword_file = \"/p\"\n" : ""),
            "dashboard" => Aggregator + "[dashboard]\n" + Server,
            _ => throw new ArgumentException($"no sample for [{path}]: a new section needs one", nameof(path)),
        };
    }

    // The key's section stands last in the file.
    private static string With(string text, string name, string value)
    {
        var start = text.LastIndexOf("\n[", StringComparison.Ordinal) + 1;
        var lines = text[start..].Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => !l.StartsWith(name + " =", StringComparison.Ordinal));
        return text[..start] + string.Join('\n', lines) + $"\n{name} = {value}\n";
    }

    // Everything that the rooms get, as text: records print their values; what they print as a type's name is added.
    private static string Dump(FleetVibeSettings settings)
    {
        return string.Join('\n', [
            settings.ToString(),
            .. settings.Agent?.Sources.Select(Dump) ?? [],
            .. settings.Agent?.Discoveries.Select(d => $"{d} {Dump(d.Source.Prototype)} {string.Join(',', d.Source.Labels)} {d.Place}") ?? [],
            string.Join(',', settings.Agent?.Aggregators.Addresses ?? []),
            string.Join(',', settings.Aggregator?.Gateways.Addresses ?? []),
            string.Join(',', settings.Aggregator?.Cluster.Seeds ?? [])]);
    }

    private static string Dump(SourceSettings s) => $"{s} {string.Join(',', s.Gpus)} "
        + (s is HttpSourceSettings http ? string.Join(',', http.Headers) : "")
        + (s is VibeThinkerSourceSettings vibe ? string.Join(',', vibe.Map) : "")
        + (s is EngineSourceSettings engine ? $"{string.Join(',', engine.Families)} {string.Join(',', engine.OnceLabels)}" : "")
        + (s is Agent.Sources.Exec.ExecSourceSettings exec ? $"{string.Join(',', exec.Argv)} {string.Join(',', exec.Environment)}" : "")
        + (s is NvidiaSourceSettings nvidia ? string.Join(',', nvidia.OwnProcesses) : "")
        + (s is JsonLogSourceSettings log ? $"{string.Join(',', log.SuccessStatus ?? [])} {string.Join(',', log.OnlyPaths ?? [])}" : "");

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "FleetVibe.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("FleetVibe.sln stands in no folder above the tests");
        }

        return folder;
    }
}
