using FleetVibe.Agent.Sources;
using FleetVibe.Configuration;

namespace FleetVibe.Tests.Configuration;

/// <summary>A configuration without an aggregator: what execd takes, and what the other verbs say of it.</summary>
public class ExecdLoadingTests
{
    private const string Block = """
        [[inputs.vibe_thinker]]
          endpoint = "https://gpu-node-02:8080/metrics"
          interval = 15
          [inputs.vibe_thinker.headers]
            Authorization = "Bearer ${TOKEN}"
        """;

    [Fact]
    public void Blocks_of_a_Telegraf_configuration_alone_are_enough()
    {
        var loaded = Load(Block, ConfigurationPurpose.Execd);

        Assert.Empty(loaded.Findings);
        var source = Assert.IsType<VibeThinkerSourceSettings>(Assert.Single(loaded.Settings!.Agent!.Sources));
        Assert.Equal("Bearer s3cret", source.Headers["Authorization"]);
        Assert.Equal("/var/lib/fleetvibe/execd", loaded.Settings.Agent.DataDirectory);
        Assert.Empty(loaded.Settings.Agent.Aggregators.Addresses);
    }

    [Fact]
    public void Of_a_whole_configuration_only_the_agent_is_taken_and_the_rest_named()
    {
        var loaded = Load(Samples.AllInOne, ConfigurationPurpose.Execd);

        Assert.Equal(["agent"], loaded.Settings!.Roles);
        Assert.Equal(3, loaded.Settings.Agent!.Sources.Count);
        Assert.Equal(
            """
            execd.toml:19:1: warning: execd runs only the agent of this file: [aggregator] is not started
            execd.toml:20:1: warning: execd runs only the agent of this file: [gateway] is not started
            """,
            Loading.Text(loaded));
    }

    [Fact]
    public void Aggregators_that_are_named_are_said_to_get_nothing() =>
        Assert.Equal(
            "execd.toml:2:1: warning: execd prints its points for Telegraf and reports to no aggregator",
            Loading.Text(Load(Samples.Agent(Block), ConfigurationPurpose.Execd)));

    [Fact]
    public void Check_takes_it_and_run_does_not()
    {
        var check = Load(Block, ConfigurationPurpose.Check);
        Assert.True(check.Settings!.AgentOnlyPrints);
        Assert.Empty(check.Findings);

        Assert.Contains("[agent] needs aggregators", Loading.Text(Load(Block, ConfigurationPurpose.Run)), StringComparison.Ordinal);
        Assert.Contains("[agent] needs aggregators", Loading.Text(Load(Block + "\n[gateway.telegraf]\nurl = \"http://127.0.0.1:8187\"", ConfigurationPurpose.Check)), StringComparison.Ordinal);
        Assert.False(Load(Samples.AllInOne, ConfigurationPurpose.Check).Settings!.AgentOnlyPrints);
    }

    [Fact]
    public void A_file_without_a_source_says_what_to_add() =>
        Assert.Equal(
            "execd.toml: error: execd has nothing to read: add [[agent.sources]] with a kind, or a block [[inputs.vibe_thinker]] as it stands in a Telegraf configuration",
            Loading.Text(Load("[node]\nname = \"a\"", ConfigurationPurpose.Execd)));

    [Theory]
    [InlineData("alias = \"mine\"", "execd.toml:2:3: error: unknown key \"alias\" in [inputs.vibe_thinker]: it is for Telegraf itself, so write it in the [[inputs.execd]] that starts fleetvibe")]
    [InlineData("[inputs.vibe_thinker.tags]\n    rack = \"a\"", "execd.toml:2:3: error: unknown section [inputs.vibe_thinker.tags]: it is for Telegraf itself, so write it in the [[inputs.execd]] that starts fleetvibe")]
    [InlineData("endpoints = \"x\"", "execd.toml:2:3: error: unknown key \"endpoints\" in [inputs.vibe_thinker]: did you mean \"endpoint\"?")]
    public void A_key_that_is_none_of_the_block_is_named_with_its_place_and_cure(string line, string finding) =>
        Assert.Contains(finding, Loading.Text(Load($"[[inputs.vibe_thinker]]\n  {line}\n", ConfigurationPurpose.Execd)), StringComparison.Ordinal);

    private static LoadedConfiguration Load(string text, ConfigurationPurpose purpose) => ConfigurationLoader.Load(text, "execd.toml", new LoadingOptions
    {
        CheckFiles = false, MachineName = "node-a", Environment = new Dictionary<string, string> { ["TOKEN"] = "s3cret" }, Purpose = purpose,
    });
}
