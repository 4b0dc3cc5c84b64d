using FleetVibe.Agent.Changing;
using FleetVibe.Agent.Sources;
using FleetVibe.Protocol.Transport;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Changing;

public class SourcePlanTests
{
    private static string[] Keys(IEnumerable<SourceSettings> sources) => [.. sources.Select(source => source.Key)];

    [Fact]
    public void What_is_new_starts_what_is_gone_stops_and_what_changed_does_both()
    {
        var plan = SourcePlan.Between([RequestLog, Vllm, Gpus], [Vllm with { Task = "review" }, Gpus, RequestLog with { Name = "second" }]);

        Assert.Equal(["json_log:log", "vllm:vllm"], Keys(plan.Stop));
        Assert.Equal(["vllm:vllm", "json_log:second"], Keys(plan.Start));
        Assert.Equal([Gpus.Key], Keys(plan.Keep));
        Assert.Equal("added json_log:second; removed json_log:log; changed vllm:vllm", plan.ToString());
    }

    [Fact]
    public void The_same_file_read_twice_changes_nothing()
    {
        static SourceSettings[] Read() =>
        [
            new VllmSourceSettings
            {
                Endpoint = new Uri("http://127.0.0.1:8000/metrics"),
                Token = BearerToken.FromFile("/etc/token"),
                Gpus = new List<string> { "0" },
                Headers = new Dictionary<string, string> { ["X-Scope"] = "a" },
            },
            RequestLog with { Fields = new LogFields { Ttft = "ttft" }, SuccessStatus = ["fine"] },
        ];

        Assert.True(SourcePlan.Between(Read(), Read()).IsEmpty);
    }

    [Theory]
    [MemberData(nameof(Differences))]
    public void Every_difference_counts(string what, SourceSettings other)
    {
        Assert.NotNull(what);
        Assert.False(SettingsEquality.Same(Full, other));
    }

    private static readonly VllmSourceSettings Full = new()
    {
        Endpoint = new Uri("http://127.0.0.1:8000/metrics"),
        Token = BearerToken.FromText("a"),
        Gpus = ["0"],
        Headers = new Dictionary<string, string> { ["X-Scope"] = "a" },
    };

    public static TheoryData<string, SourceSettings> Differences() => new()
    {
        { "a token", Full with { Token = BearerToken.FromText("b") } },
        { "a token in a file", Full with { Token = BearerToken.FromFile("/a") } },
        { "no token", Full with { Token = null } },
        { "a list", Full with { Gpus = ["1"] } },
        { "a longer list", Full with { Gpus = ["0", "1"] } },
        { "a header", Full with { Headers = new Dictionary<string, string> { ["X-Scope"] = "b" } } },
        { "one more header", Full with { Headers = new Dictionary<string, string> { ["X-Scope"] = "a", ["X-Other"] = "b" } } },
        { "an address", Full with { Endpoint = new Uri("http://127.0.0.1:8001/metrics") } },
        { "a time", Full with { Timeout = TimeSpan.FromSeconds(1) } },
        { "a kind", new EngineSourceSettings { Endpoint = Full.Endpoint } },
    };
}
