using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Sources;
using FleetVibe.Protocol.Transport;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Discovery;

public class TargetSourcesTests
{
    private static readonly SourceTemplate Template = new(new VllmSourceSettings
    {
        Endpoint = new Uri("http://target/metrics"), Task = "chat", Timeout = TimeSpan.FromSeconds(2), Gpus = ["0"],
    });

    private static DiscoveredTarget Target(string address, params (string Name, string Value)[] labels) =>
        new(address, labels.ToDictionary(label => label.Name, label => label.Value));

    private static HttpSourceSettings Source(SourceTemplate template, DiscoveredTarget target)
    {
        var (source, problem) = TargetSources.Of(template, target);
        Assert.Equal("", problem);
        return source!;
    }

    [Fact]
    public void A_target_is_the_template_at_its_own_address()
    {
        var source = Source(Template, Target("10.0.0.7:8000"));

        Assert.Equal(((VllmSourceSettings)Template.Prototype) with { Endpoint = new Uri("http://10.0.0.7:8000/metrics") }, source);
        Assert.Equal("vllm:10.0.0.7:8000", source.Key);
    }

    [Fact]
    public void Labels_say_what_a_target_is()
    {
        var source = Source(Template, Target(
            "gpu-2:8000", ("kind", "sglang"), ("model", "qwen3-4b"), ("task", "review"), ("variant", "b"), ("name", "blue"),
            ("__scheme__", "https"), ("__metrics_path__", "/m"), ("__param_module", "a b"), ("__scrape_interval__", "1m30s"), ("__scrape_timeout__", "500ms")));

        Assert.Equal("sglang:blue", source.Key);
        Assert.Equal(("qwen3-4b", "review", "b"), (source.Model, source.Task, source.Variant));
        Assert.Equal("https://gpu-2:8000/m?module=a%20b", source.Endpoint.AbsoluteUri);
        Assert.Equal((TimeSpan.FromSeconds(90), TimeSpan.FromMilliseconds(500)), (source.Interval, source.Timeout));
        Assert.Equal(["0"], source.Gpus);
    }

    [Fact]
    public void Which_label_says_what_can_be_chosen()
    {
        var template = Template with { Labels = new Dictionary<string, string> { ["model"] = "__meta_served" } };

        Assert.Equal("m", Source(template, Target("a:1", ("__meta_served", "m"), ("task", "ignored"))).Model);
        Assert.Equal("chat", Source(template, Target("a:1", ("task", "ignored"))).Task);
    }

    [Theory]
    [InlineData("vibethinker", "vibethinker-1.5b", "algorithm_reasoning")]
    [InlineData("vllm", null, "default")]
    public void A_kind_has_its_own_defaults(string kind, string? model, string task)
    {
        var source = Source(new SourceTemplate(new EngineSourceSettings { Endpoint = new Uri("http://target/") }), Target("a:1", ("kind", kind)));

        Assert.Equal((kind, model, task), (source.Kind, source.Model, source.Task ?? "default"));
    }

    [Theory]
    [InlineData("vllm", false, "/metrics")]
    [InlineData("trtllm", false, "/prometheus/metrics")]
    [InlineData("auto", false, "/")]
    [InlineData("vllm", true, "/")]
    [InlineData("vllm", false, "/m", "__metrics_path__", "/m")]
    public void The_path_is_that_of_the_kind_unless_it_was_chosen(string kind, bool chosen, string path, string label = "team", string value = "a")
    {
        var template = new SourceTemplate(new EngineSourceSettings { Endpoint = new Uri("http://target/") }) { HasPath = chosen };

        Assert.Equal(path, Source(template, Target("a:1", ("kind", kind), (label, value))).Endpoint.AbsolutePath);
    }

    [Theory]
    [InlineData("http://a:1/metrics", "is no host:port")]
    [InlineData("user@a:1", "is no host:port")]
    [InlineData("a:99999", "is no host:port")]
    [InlineData("", "is no host:port")]
    [InlineData("a:1", "has kind \"postgres\"", "kind", "postgres")]
    [InlineData("a:1", "has kind \"json_log\"", "kind", "json_log")]
    [InlineData("a:1", "needs a model", "kind", "starlette_exporter")]
    [InlineData("a:1", "is no host:port", "__scheme__", "file")]
    [InlineData("a:1", "has __scrape_interval__ \"soon\"", "__scrape_interval__", "soon")]
    [InlineData("a:1", "has __scrape_interval__ \"1h1ms\", which is no time from 100ms to 1h", "__scrape_interval__", "1h1ms")]
    [InlineData("a:1", "has __scrape_timeout__ \"99ms\"", "__scrape_timeout__", "99ms")]
    public void What_cannot_be_read_is_left_out_with_a_reason(string address, string problem, string? label = null, string value = "")
    {
        var found = TargetSources.Of(Template, label is null ? Target(address) : Target(address, (label, value)));

        Assert.Null(found.Source);
        Assert.Contains(problem, found.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_and_headers_are_not_sent_over_plain_http_to_another_machine()
    {
        var template = Template with { Prototype = Template.Prototype with { Token = BearerToken.FromText("secret") } };
        var headers = Template with { Prototype = Template.Prototype with { Headers = new Dictionary<string, string> { ["X-Key"] = "secret" } } };

        Assert.Contains("token could be read", TargetSources.Of(template, Target("gpu-2:8000")).Problem, StringComparison.Ordinal);
        Assert.Contains("token could be read", TargetSources.Of(headers, Target("gpu-2:8000")).Problem, StringComparison.Ordinal);
        Assert.NotNull(TargetSources.Of(template with { Prototype = template.Prototype with { Insecure = true } }, Target("gpu-2:8000")).Source);
        Assert.NotNull(TargetSources.Of(template, Target("127.0.0.1:8000")).Source);
        Assert.NotNull(TargetSources.Of(template, Target("gpu-2:8000", ("__scheme__", "https"))).Source);
    }

    [Fact]
    public void Two_of_one_address_are_one_and_a_bad_one_does_not_hurt_the_others()
    {
        var (sources, problems) = TargetSources.Of(Template, [Target("a:1"), Target("a:1"), Target("x/y"), Target("b:1")]);

        Assert.Equal(["vllm:a:1", "vllm:b:1"], sources.Select(source => source.Key));
        Assert.StartsWith("target x/y is no host:port", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_configured_goes_before_what_is_found()
    {
        var found = Vllm with { Name = null };
        var (sources, clashes) = SourceSet.Merge(
            [RequestLog, Vllm], [("file_sd:a", [Vllm, found]), ("http_sd:b", [found with { Endpoint = new Uri("http://b:1/metrics") }])]);

        Assert.Equal([RequestLog.Key, Vllm.Key, "vllm:b:1"], sources.Select(source => source.Key));
        Assert.Equal(2, clashes.Count);
        Assert.Contains("file_sd:a found vllm:vllm, which is read already", clashes[0], StringComparison.Ordinal);
        Assert.Contains("whose page vllm:vllm reads already", clashes[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_source_that_is_left_out_does_not_keep_its_name_from_another()
    {
        var twin = Vllm with { Name = "twin" };
        var (sources, _) = SourceSet.Merge([Vllm], [("file_sd:a", [twin, twin with { Endpoint = new Uri("http://b:1/metrics") }])]);

        Assert.Equal([Vllm.Key, twin.Key], sources.Select(source => source.Key));
    }

    [Fact]
    public void Two_may_read_one_page_where_one_of_them_does_not_count()
    {
        var twin = Vllm with { Name = "twin" };

        Assert.Empty(SourceSet.Merge([Vllm], [("file_sd:a", [twin with { Counts = false }])]).Clashes);
        Assert.Empty(SourceSet.Merge([Vllm with { Counts = false }], [("file_sd:a", [twin])]).Clashes);
    }
}
