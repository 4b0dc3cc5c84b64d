using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources.Proxy;

namespace FleetVibe.Tests.Configuration;

public class ProxyTests
{
    private const string Proxy = "[[agent.sources]]\nkind = \"proxy\"\n";
    private const string OnLoopback = Proxy + "listen = \"127.0.0.1:11434\"\nendpoint = \"http://127.0.0.1:11435\"\n";

    [Fact]
    public void A_proxy_needs_no_more_than_two_addresses()
    {
        var source = Assert.IsType<ProxySourceSettings>(Assert.Single(Loading.Settings(Samples.Agent(OnLoopback)).Agent!.Sources));

        Assert.Equal(("127.0.0.1:11434", "127.0.0.1:11435", "proxy:127.0.0.1:11435"), (source.Listen.Address.ToString(), source.Endpoint.Authority, source.Key));
        Assert.Equal((null, null, null, null), (source.Listen.Token, source.Token, source.Model, source.VariantHeader));
    }

    [Fact]
    public void Every_key_arrives()
    {
        var source = Assert.IsType<ProxySourceSettings>(Assert.Single(Loading.Settings(Samples.Agent(Proxy + """
            listen = ":11434"
            cert_file = "/etc/c.pem"
            key_file = "/etc/k.pem"
            accept_token_file = "/etc/clients.token"
            endpoint = "https://engine:1/base"
            token_file = "/etc/engine.token"
            ca_file = "/etc/ca.pem"
            variant_header = "X-Arm"
            model = "m"
            interval = "20s"
            timeout = "1s"
            """)).Agent!.Sources));

        Assert.Equal(("/etc/c.pem", "/etc/k.pem", "/etc/clients.token", false), (source.Listen.CertFile, source.Listen.KeyFile, source.Listen.Token!.Path, source.Listen.Insecure));
        Assert.Equal(("/etc/engine.token", "/etc/ca.pem", "X-Arm", "m"), (source.Token!.Path, source.CaFile, source.VariantHeader, source.Model));
        Assert.Equal((TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(1)), (source.Interval, source.Timeout));
    }

    [Theory]
    [InlineData("listen = \":11434\"\nendpoint = \"http://127.0.0.1:11435\"",
        "fleetvibe.toml:5:10: error: the proxy listens on :11434, which other machines can reach, so it needs cert_file and accept_token_file; or listen on 127.0.0.1")]
    [InlineData("listen = \":11434\"\naccept_token_file = \"/t\"\ninsecure = true\nendpoint = \"http://127.0.0.1:11435\"",
        "fleetvibe.toml:5:10: error: the proxy listens on :11434, which other machines can reach, so it needs cert_file; or listen on 127.0.0.1\nfleetvibe.toml:7:12: warning: [[agent.sources]] is insecure: what goes over its connections can be read and forged by others")]
    [InlineData("listen = \"127.0.0.1:1\"", "fleetvibe.toml:3:1: error: [[agent.sources]] of kind proxy needs endpoint, e.g. endpoint = \"https://127.0.0.1:8000/metrics\"")]
    [InlineData("endpoint = \"http://127.0.0.1:11435\"", "fleetvibe.toml:3:1: error: [[agent.sources]] of kind proxy needs listen, e.g. listen = \"127.0.0.1:11435\"")]
    [InlineData("listen = \"127.0.0.1:11435\"\nendpoint = \"http://localhost:11435\"",
        "fleetvibe.toml:6:12: error: endpoint is where the proxy itself listens (127.0.0.1:11435): move the engine to another port, and write that one")]
    [InlineData("listen = \"127.0.0.1:11434\"\nendpoint = \"http://127.0.0.1:11435/v1/\"",
        "fleetvibe.toml:6:12: error: endpoint ends in /v1, which clients write too, so that the engine would be asked for /v1/v1: write \"http://127.0.0.1:11435\"")]
    [InlineData("listen = \"127.0.0.1:11434\"\nendpoint = \"http://127.0.0.1:11435/?a=b\"",
        "fleetvibe.toml:6:12: error: endpoint of a proxy has a query, which belongs to single requests: take it out")]
    [InlineData("listen = \"127.0.0.1:11434\"\nendpoint = \"http://engine:11435\"\ntoken_file = \"/t\"",
        "fleetvibe.toml:6:12: error: endpoint is plain http to another machine, where its token could be read: use https, or set insecure = true")]
    [InlineData("listen = \"127.0.0.1:11434\"\nendpoint = \"http://127.0.0.1:11435\"\nheaders = { X = \"${Y}\" }",
        "fleetvibe.toml:7:1: error: headers belongs to sources of kind any engine, vibethinker, dcgm, not to proxy: take it out")]
    public void A_mistake_is_named_with_its_place_and_cure(string keys, string expected) =>
        Assert.Equal(expected, Loading.Text(Loading.Load(Samples.Agent(Proxy + keys), ("Y", "y"))));

    [Fact]
    public void Two_proxies_cannot_have_one_port() =>
        Assert.Equal(
            "fleetvibe.toml:7:1: error: listen = \"127.0.0.1:11434\" is taken by the proxy at fleetvibe.toml:3:1 already: give each its own port",
            Loading.Text(Loading.Load(Samples.Agent(OnLoopback + OnLoopback.Replace("11435", "11436", StringComparison.Ordinal)))));

    [Fact]
    public void Check_says_that_a_log_beside_a_proxy_may_count_twice()
    {
        var sources = Loading.Settings(Samples.Agent(OnLoopback + "[[agent.sources]]\nkind = \"json_log\"\npath = \"/r.jsonl\"")).Agent!.Sources;

        Assert.Equal(
            ["no source of a higher rank feeds any series; if json_log:r.jsonl sees the same requests, each counts twice: set counts = false for one",
                "no source of a higher rank feeds any series; if proxy:127.0.0.1:11435 sees the same requests, each counts twice: set counts = false for one"],
            CountingRanks.Decide(sources).Select(decision => decision.Reason));
    }
}
