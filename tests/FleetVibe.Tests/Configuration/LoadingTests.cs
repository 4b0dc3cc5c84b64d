using FleetVibe.Agent;
using FleetVibe.Agent.Sources;
using FleetVibe.Aggregator;
using FleetVibe.Configuration;
using FleetVibe.Configuration.Values;
using FleetVibe.Gateway;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Tests.Configuration;

public class LoadingTests
{
    [Fact]
    public void One_file_makes_every_role_and_asks_for_no_address_between_them()
    {
        var settings = Loading.Settings(Samples.AllInOne);

        Assert.Equal(["gateway", "aggregator", "agent", "dashboard"], settings.Roles);
        Assert.True(settings.AgentUsesLocalAggregator && settings.AggregatorUsesLocalGateway);
        Assert.Equal("gpu-node-01", settings.Agent!.Node);
        Assert.Equal(["json_log:requests.jsonl", "vllm:127.0.0.1:8000", "nvidia_smi:nvidia_smi"], settings.Agent.Sources.Select(s => s.Key));
        var log = Assert.IsType<JsonLogSourceSettings>(settings.Agent.Sources[0]);
        Assert.Equal(StartAt.Beginning, log.StartAt);
        Assert.Equal("vibethinker-1.5b", log.Model);
        Assert.Equal(ListenAddress.Ephemeral, settings.Gateway!.Listen.Address);
        Assert.NotNull(settings.Gateway.Listen.Token);
        Assert.Equal(ListenAddress.Ephemeral, settings.Aggregator!.Listen.Address);
        Assert.Equal("127.0.0.1:7070", settings.Dashboard!.Listen.Address.ToString());
        Assert.True(settings.DashboardPortMayMove);
    }

    [Fact]
    public void A_configured_page_port_stays() =>
        Assert.False(Loading.Settings(Samples.AllInOne + "\n[dashboard]\nlisten = \"127.0.0.1:7070\"").DashboardPortMayMove);

    [Fact]
    public void A_block_of_the_plugin_for_Telegraf_is_a_source_as_it_is()
    {
        var loaded = Loading.Load("""
            [aggregator]
            [gateway.telegraf]
            url = "http://127.0.0.1:8187"
            [[inputs.vibe_thinker]]
              endpoint = "https://gpu-node-02:8080/metrics"
              interval = 15
              [inputs.vibe_thinker.headers]
                Authorization = "Bearer xyz789"
            """);

        var source = Assert.IsType<VibeThinkerSourceSettings>(Assert.Single(loaded.Settings!.Agent!.Sources));
        Assert.Equal(new Uri("https://gpu-node-02:8080/metrics"), source.Endpoint);
        Assert.Equal(TimeSpan.FromSeconds(15), source.Interval);
        Assert.Equal("Bearer xyz789", source.Headers["Authorization"]);
        Assert.Equal(("vibethinker-1.5b", "algorithm_reasoning"), (source.Model, source.Task));
        Assert.Equal(
            "fleetvibe.toml:8:21: warning: headers.Authorization is a secret in clear text: use token_file, or \"Bearer ${NAME}\"",
            Loading.Text(loaded));
    }

    [Fact]
    public void A_variable_of_the_environment_overrides_the_file()
    {
        var settings = Loading.Settings(
            Samples.AllInOne,
            ("FLEETVIBE__gateway__telegraf__url", "http://127.0.0.1:9999"),
            ("FLEETVIBE__AGENT__SOURCES__1__MODEL", "other-model"),
            ("FLEETVIBE__agent__aggregators", "http://127.0.0.1:1, http://127.0.0.1:2"),
            ("FLEETVIBE__aggregator__listen", "127.0.0.1:7071"),
            ("UNRELATED", "x"));

        Assert.Equal(new Uri("http://127.0.0.1:9999"), settings.Gateway!.Telegraf.Url);
        Assert.Equal("other-model", settings.Agent!.Sources[1].Model);
        Assert.Equal(2, settings.Agent.Aggregators.Addresses.Count);
        Assert.False(settings.AgentUsesLocalAggregator);
    }

    [Theory]
    [InlineData("FLEETVIBE__gateway__telegraf__url", "nonsense", "environment variable FLEETVIBE__gateway__telegraf__url: error: url = \"nonsense\" is no http or https address: write one such as \"https://telegraf:8187\"")]
    [InlineData("FLEETVIBE__gateway__telegraph__url", "http://x", "environment variable FLEETVIBE__gateway__telegraph__url: error: unknown section [gateway.telegraph]: did you mean \"telegraf\"?")]
    [InlineData("FLEETVIBE__agent__sources__9__model", "m", "environment variable FLEETVIBE__agent__sources__9__model: error: there are only 3 [[agent.sources]], so number 9 cannot be changed or added: the next one is 3")]
    [InlineData("FLEETVIBE__agent__sources__model", "m", "environment variable FLEETVIBE__agent__sources__model: error: [[agent.sources]] needs a number, from 0, after it: agent__sources__0__...")]
    public void A_wrong_variable_is_named(string name, string value, string expected) =>
        Assert.Equal(expected, Loading.Text(Loading.Load(Samples.AllInOne, (name, value))));

    [Fact]
    public void A_token_comes_out_of_the_environment_without_a_warning()
    {
        var text = Samples.Agent("[[agent.sources]]\nkind = \"vllm\"\nendpoint = \"https://h:1/metrics\"\ntoken = \"${MODEL_TOKEN}\"");

        var loaded = Loading.Load(text, ("MODEL_TOKEN", "s3cret"));
        Assert.Empty(loaded.Findings);
        Assert.Equal("s3cret", ((VllmSourceSettings)loaded.Settings!.Agent!.Sources[0]).Token!.Current);

        var unset = Loading.Load(text, checkFiles: true);
        Assert.Equal("fleetvibe.toml:6:9: error: token names the environment variable MODEL_TOKEN, which is not set: set it, or use token_file", Loading.Text(unset));
    }

    [Fact]
    public void Insecure_is_loud() =>
        Assert.Equal(
            "fleetvibe.toml:5:12: warning: [gateway.telegraf] is insecure: what goes over its connections can be read and forged by others",
            Loading.Text(Loading.Load(Samples.Telegraf("insecure = true"))));

    [Fact]
    public void Secrets_never_show_in_what_check_prints()
    {
        var loaded = Loading.Load(Samples.AllInOne + """

            [[agent.sources]]
            kind = "vibethinker"
            endpoint = "https://h:1/metrics?key=QUERYSECRET"
            token = "CLEARSECRET"
            headers = { X-Api-Key = "HEADERSECRET" }
            """, ("ENVSECRET", "x"));

        var shown = EffectiveText.Of(loaded.Sections) + Loading.Text(loaded);
        Assert.NotNull(loaded.Settings);
        Assert.Contains("headers = { X-Api-Key = (hidden) }", shown, StringComparison.Ordinal);
        Assert.Contains("token = (hidden)", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("SECRET", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_says_where_each_value_came_from()
    {
        var shown = EffectiveText.Of(Loading.Load(Samples.AllInOne, ("FLEETVIBE__agent__grace", "3s")).Sections);

        Assert.Contains("name = \"gpu-node-01\"                                     # fleetvibe.toml:2:8", shown, StringComparison.Ordinal);
        Assert.Contains("listen = \"127.0.0.1:0\"                                   # everything that connects is in this process", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("rotate_wait", shown[shown.IndexOf("kind = \"vllm\"", StringComparison.Ordinal)..], StringComparison.Ordinal);
        Assert.Contains("interval = \"10s\"                                         # default", shown, StringComparison.Ordinal);
        Assert.Contains("grace = \"3s\"                                             # environment variable FLEETVIBE__agent__grace", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void The_name_of_the_machine_is_the_default_node() => Assert.Equal("node-a", Loading.Settings(Samples.Telegraf("")).Node);

    [Theory]
    [InlineData("10s", 10_000)]
    [InlineData("250ms", 250)]
    [InlineData("2m", 120_000)]
    [InlineData("72h", 259_200_000)]
    [InlineData("30d", 2_592_000_000)]
    [InlineData("15", 15_000)]
    [InlineData("1.5s", 1500)]
    public void A_duration_is_read_and_shown_alike(string text, long milliseconds)
    {
        Assert.True(DurationText.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), duration);
        Assert.True(DurationText.TryParse(DurationText.Format(duration), out var again));
        Assert.Equal(duration, again);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("10 s")]
    [InlineData("-1s")]
    [InlineData("1w")]
    [InlineData("99999999999999999999h")]
    public void What_is_no_duration_is_refused(string text) => Assert.False(DurationText.TryParse(text, out _));

    [Theory]
    [InlineData("1GiB", 1L << 30)]
    [InlineData("4096", 4096)]
    [InlineData("1536KiB", 1536L << 10)]
    public void A_size_is_read_and_shown_alike(string text, long bytes)
    {
        Assert.True(SizeText.TryParse(text, out var size));
        Assert.Equal(bytes, size);
        Assert.True(SizeText.TryParse(SizeText.Format(size), out var again));
        Assert.Equal(bytes, again);
    }

    [Fact]
    public void The_defaults_of_the_reference_are_those_of_the_rooms()
    {
        var settings = Loading.Settings(Samples.AllInOne);
        var agent = settings.Agent!;
        Assert.Equal(new AgentSettings { Node = agent.Node, DataDirectory = agent.DataDirectory, Aggregators = agent.Aggregators, Sources = agent.Sources, Discoveries = agent.Discoveries }, agent);

        var gateway = settings.Gateway!;
        Assert.Equal(new GatewaySettings { Name = gateway.Name, DataDirectory = gateway.DataDirectory, Listen = gateway.Listen, Telegraf = gateway.Telegraf }, gateway);
        Assert.Equal(new TelegrafSettings { Url = gateway.Telegraf.Url, Token = gateway.Telegraf.Token }, gateway.Telegraf);

        var aggregator = settings.Aggregator!;
        Assert.Equal(
            new AggregatorSettings { Name = aggregator.Name, Listen = aggregator.Listen, Gateways = aggregator.Gateways, Cluster = aggregator.Cluster }, aggregator);

        var log = (JsonLogSourceSettings)agent.Sources[0];
        Assert.Equal(
            new JsonLogSourceSettings { Path = log.Path, StartAt = log.StartAt, Model = log.Model, Task = log.Task, Gpus = log.Gpus }, log);
        var vllm = (VllmSourceSettings)agent.Sources[1];
        Assert.Equal(
            new VllmSourceSettings { Endpoint = vllm.Endpoint, Token = vllm.Token, CaFile = vllm.CaFile, Model = vllm.Model, Task = vllm.Task, Gpus = vllm.Gpus, Headers = vllm.Headers }, vllm);
        var smi = (NvidiaSmiSourceSettings)agent.Sources[2];
        Assert.Equal(new NvidiaSmiSourceSettings { Gpus = smi.Gpus, OwnProcesses = smi.OwnProcesses }, smi);
    }
}
