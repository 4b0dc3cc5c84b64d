using FleetVibe.Configuration;
using Tomlyn;
using Tomlyn.Model;

namespace FleetVibe.Tests.Configuration;

/// <summary>The samples of deploy/telegraf: Telegraf's own files, and those of FleetVibe that they start it with.</summary>
public class TelegrafSampleTests
{
    private static readonly string Folder = Path.Combine(SchemaTests.Root, "deploy", "telegraf");

    // Sample configurations of the plugins in github.com/influxdata/telegraf, and docs/CONFIGURATION.md for what all have.
    private static readonly Dictionary<string, string[]> Keys = new(StringComparer.Ordinal)
    {
        ["agent"] = ["interval", "round_interval", "metric_batch_size", "metric_buffer_limit", "flush_interval", "flush_jitter", "omit_hostname"],
        ["inputs.*"] = ["alias", "interval", "tags"],
        ["inputs.execd"] = ["command", "environment", "signal", "restart_delay", "buffer_size", "stop_on_error", "data_format"],
        ["inputs.influxdb_v2_listener"] =
        [
            "service_address", "max_undelivered_metrics", "max_body_size", "read_timeout", "write_timeout", "bucket_tag", "token",
            "tls_cert", "tls_key", "tls_allowed_cacerts", "parser_type", "use_internal_statistics",
        ],
        ["inputs.http_listener_v2"] = ["service_address", "paths", "methods", "max_body_size", "basic_username", "basic_password", "tls_cert", "tls_key", "data_format"],
        ["outputs.influxdb"] = ["urls", "database", "skip_database_creation", "retention_policy", "timeout", "username", "password", "tls_ca", "content_encoding"],
        ["outputs.influxdb_v2"] = ["urls", "token", "organization", "bucket", "timeout", "tls_ca", "content_encoding"],
    };

    public static TheoryData<string> TelegrafFiles() => ["central.conf", "node.conf"];

    [Fact]
    public void Every_file_of_the_folder_is_held_by_a_test() =>
        Assert.Equal(
            ["README.md", "central.conf", "execd.toml", "node.conf", "vibe_thinker.toml"],
            Directory.GetFiles(Folder).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(TelegrafFiles))]
    public void Telegraf_knows_every_plugin_and_key(string name)
    {
        Assert.Empty(UnknownKeys(Table(File.ReadAllText(Path.Combine(Folder, name)))));

        // What stands in comments, to be taken out of them.
        Assert.Empty(UnknownKeys(Table(string.Join('\n', File.ReadLines(Path.Combine(Folder, name)).Where(IsCommentedKey).Select(line => line.TrimStart('#'))))));
    }

    [Fact]
    public void A_key_that_Telegraf_does_not_know_is_found() =>
        Assert.Equal(["inputs.execd.comand", "inputs.none"], UnknownKeys(Table("[[inputs.execd]]\ncomand = []\n[[inputs.none]]\n")));

    [Fact]
    public void The_node_starts_execd_as_the_contract_wants_it()
    {
        var execd = Plugin("node.conf", "inputs", "execd");

        Assert.Equal(["/opt/fleetvibe/fleetvibe", "execd", "--config", "/etc/fleetvibe/execd.toml"], ((TomlArray)execd["command"]).Cast<string>());
        Assert.Equal(("STDIN", "influx"), ((string)execd["signal"], (string)execd["data_format"]));
    }

    [Fact]
    public void Node_and_gateway_reach_the_listener_of_the_centre()
    {
        var port = ((string)Plugin("central.conf", "inputs", "influxdb_v2_listener")["service_address"]).TrimStart(':');

        Assert.EndsWith(":" + port, (string)((TomlArray)Plugin("node.conf", "outputs", "influxdb_v2")["urls"]).Single()!, StringComparison.Ordinal);
        Assert.Contains($"url = \"https://telegraf:{port}\"", File.ReadAllText(Path.Combine(SchemaTests.Root, "deploy", "gateway.toml")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("execd.toml", 3)]
    [InlineData("vibe_thinker.toml", 1)]
    public void What_execd_is_started_with_is_good(string name, int sources)
    {
        var loaded = ConfigurationLoader.LoadFile(Path.Combine(Folder, name), new LoadingOptions
        {
            CheckFiles = false, MachineName = "node-a", Environment = new Dictionary<string, string>(), Purpose = ConfigurationPurpose.Execd,
        });

        Assert.Empty(loaded.Findings);
        Assert.Equal(sources, loaded.Settings!.Agent!.Sources.Count);
    }

    private static TomlTable Table(string text) => TomlSerializer.Deserialize<TomlTable>(text)!;

    private static TomlTable Plugin(string file, string family, string name) =>
        ((TomlTableArray)((TomlTable)Table(File.ReadAllText(Path.Combine(Folder, file)))[family])[name]).Single();

    private static bool IsCommentedKey(string line) => line.StartsWith("# [[", StringComparison.Ordinal) || line.StartsWith("#   ", StringComparison.Ordinal);

    private static IEnumerable<string> UnknownKeys(TomlTable root)
    {
        foreach (var (family, value) in root)
        {
            var plugins = family == "agent" ? [(family, [(TomlTable)value])] : ((TomlTable)value).Select(plugin => (Name: $"{family}.{plugin.Key}", Tables: (IEnumerable<TomlTable>)(TomlTableArray)plugin.Value));
            foreach (var (name, tables) in plugins)
            {
                if (!Keys.TryGetValue(name, out var known))
                {
                    yield return name;
                    continue;
                }

                string[] common = family == "inputs" ? Keys["inputs.*"] : [];
                foreach (var key in tables.SelectMany(table => table.Keys).Where(key => !known.Contains(key) && !common.Contains(key)))
                {
                    yield return $"{name}.{key}";
                }
            }
        }
    }
}
