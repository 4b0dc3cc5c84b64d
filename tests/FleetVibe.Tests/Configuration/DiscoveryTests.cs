using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Sources;

namespace FleetVibe.Tests.Configuration;

public class DiscoveryTests
{
    private const string Agent = "[agent]\naggregators = [\"https://a:1\"]\ntoken_file = \"/t\"\n";

    private static DiscoverySettings One(string text) => Assert.Single(Loading.Settings(Agent + text).Agent!.Discoveries);

    [Fact]
    public void Files_with_a_template()
    {
        var discovery = Assert.IsType<FileDiscoverySettings>(One("""
            [[agent.discovery]]
            kind = "file_sd"
            files = ["/etc/targets/*.yml"]
            labels = { model = "served_model" }
            [agent.discovery.source]
            kind = "vllm"
            scheme = "https"
            token_file = "/etc/model.token"
            task = "chat"
            timeout = "2s"
            """));

        Assert.Equal(["/etc/targets/*.yml"], discovery.Files);
        Assert.Equal(TimeSpan.FromSeconds(5), discovery.Refresh);
        var source = Assert.IsType<VllmSourceSettings>(discovery.Source.Prototype);
        Assert.Equal(("https://target/metrics", "chat", TimeSpan.FromSeconds(2)), (source.Endpoint.AbsoluteUri, source.Task, source.Timeout));
        Assert.Equal("/etc/model.token", source.Token!.Path);
        Assert.Equal(("served_model", "task"), (discovery.Source.Labels["model"], discovery.Source.Labels["task"]));
    }

    [Fact]
    public void Without_a_template_a_target_is_looked_at()
    {
        var source = One("[[agent.discovery]]\nkind = \"kubernetes\"\nnamespaces = [\"models\"]").Source.Prototype;

        Assert.Equal(("auto", "http://target/"), (source.Kind, source.Endpoint.AbsoluteUri));
    }

    [Fact]
    public void A_list_over_http()
    {
        var discovery = Assert.IsType<HttpDiscoverySettings>(One("[[agent.discovery]]\nkind = \"http_sd\"\nurl = \"https://inventory:8443/targets?team=a\"\nrefresh = \"20s\"\ntoken_file = \"/t\""));

        Assert.Equal(("http_sd:https://inventory:8443/targets", TimeSpan.FromSeconds(20)), (discovery.Key, discovery.Refresh));
        Assert.Equal(TimeSpan.FromSeconds(60), Assert.IsType<HttpDiscoverySettings>(One("[[agent.discovery]]\nkind = \"http_sd\"\nurl = \"http://127.0.0.1:1/t\"")).Refresh);
    }

    [Theory]
    [InlineData("kind = \"file\"", "kind = \"file\" is no kind of discovery that is known: ")]
    [InlineData("kind = \"file_sd\"", "[[agent.discovery]] of kind file_sd needs files, e.g. files = [\"/etc/fleetvibe/targets/*.yml\"]")]
    [InlineData("kind = \"http_sd\"", "[[agent.discovery]] of kind http_sd needs url, e.g. url = ")]
    [InlineData("kind = \"kubernetes\"\nfiles = [\"/x\"]", "files belongs to discoveries of kind file_sd, not to kubernetes: take it out")]
    [InlineData("kind = \"http_sd\"\nurl = \"http://inventory:1/t\"\ntoken_file = \"/t\"", "url is plain http to another machine, where its token could be read")]
    [InlineData("kind = \"kubernetes\"\nlabels = { modell = \"x\" }", "unknown name \"modell\" in labels: did you mean \"model\"?")]
    [InlineData("kind = \"kubernetes\"\n[agent.discovery.source]\nkind = \"json_log\"", "kind = \"json_log\" is no kind of source that is known")]
    [InlineData("kind = \"kubernetes\"\n[agent.discovery.source]\npath = \"metrics\"", "path = \"metrics\" must begin with a slash: write path = \"/metrics\"")]
    [InlineData("kind = \"kubernetes\"\n[agent.discovery.source]\nendpoint = \"http://a:1\"", "unknown key \"endpoint\" in [agent.discovery.source]")]
    [InlineData("kind = \"kubernetes\"\n[agent.discovery.source]\nkind = \"prometheus\"", "[agent.discovery.source] of kind prometheus needs families")]
    [InlineData("kind = \"kubernetes\"\n[[agent.discovery]]\nkind = \"kubernetes\"", "looks at all namespaces already")]
    public void Mistakes_are_said_with_their_cure(string discovery, string message) =>
        Assert.Contains(message, Loading.Text(Loading.Load($"{Agent}[[agent.discovery]]\n{discovery}")), StringComparison.Ordinal);
}
