using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Discovery.Files;

namespace FleetVibe.Agent.Tests.Discovery;

/// <summary>Lists of targets in both forms, as Prometheus documents them for file_sd and http_sd.</summary>
public class TargetListTests
{
    private static IReadOnlyList<DiscoveredTarget> Read(string form, string text) => form == "json" ? TargetJson.Read(text) : TargetYaml.Read(text);

    public static TheoryData<string, string> Same() => new()
    {
        {
            "json", """
            [{"targets": ["10.0.0.7:8000", "gpu-2:8000"], "labels": {"model": "qwen3-4b", "__metrics_path__": "/m", "env": "lab é"}, "note": 5},
             {"targets": ["gpu-3"]}]
            """
        },
        {
            "json", "[\r\n\t{\"labels\":{\"model\":\"qwen3-4b\",\"__metrics_path__\":\"/m\",\"env\":\"lab \\u00e9\"},\"targets\":[\"10.0.0.7:8000\",\"gpu-2:8000\"]},{\"targets\":[\"gpu-3\"],\"labels\":null}]"
        },
        {
            "yaml", """
            # written by the inventory
            - targets: ['10.0.0.7:8000', "gpu-2:8000"]
              labels:
                model: qwen3-4b
                __metrics_path__: /m
                env: lab é
              note: 5
            - targets:
              - gpu-3
              labels:
            """
        },
        {
            "yaml", """[{"targets": ["10.0.0.7:8000", "gpu-2:8000"], "labels": {"model": "qwen3-4b", "__metrics_path__": "/m", "env": "lab é"}}, {"targets": ["gpu-3"]}]"""
        },
    };

    [Theory]
    [MemberData(nameof(Same))]
    public void Every_target_has_the_labels_of_its_group(string form, string text)
    {
        var targets = Read(form, text);

        Assert.Equal(["10.0.0.7:8000", "gpu-2:8000", "gpu-3"], targets.Select(target => target.Address));
        Assert.Equal(
            new Dictionary<string, string> { ["model"] = "qwen3-4b", ["__metrics_path__"] = "/m", ["env"] = "lab é" },
            targets[1].Labels.OrderBy(label => label.Key).ToDictionary());
        Assert.Empty(targets[2].Labels);
    }

    [Theory]
    [InlineData("json", "[]")]
    [InlineData("yaml", "")]
    [InlineData("yaml", "# nobody\n")]
    [InlineData("yaml", "[]")]
    public void An_empty_list_is_no_target(string form, string text) => Assert.Empty(Read(form, text));

    [Theory]
    [InlineData("json", "[{\"targets\": [\"a:1\"]\n", "2:")]
    [InlineData("json", "", "1:1: is no JSON")]
    [InlineData("json", "{\"targets\": []}", "the whole is an object, not a list of groups")]
    [InlineData("json", "[{\"targets\": \"a:1\"}]", "[0].targets is a text, not a list")]
    [InlineData("json", "[{}, {\"targets\": [\"a:1\", 8000]}]", "[1].targets[1] is a number, not a text")]
    [InlineData("json", "[{\"targets\": [\"a:1\"], \"labels\": {\"model\": 3}}]", "[0].labels.model is a number")]
    [InlineData("yaml", "- targets: [a:1\n", "is no YAML")]
    [InlineData("yaml", "targets: [a]\n", "1:1: the whole is a table, not a list of groups")]
    [InlineData("yaml", "- targets: a:1\n", "1:12: targets is a text, not a list")]
    [InlineData("yaml", "- targets: [a:1]\n  labels:\n    model: [x]\n", "3:12: label model is a list")]
    [InlineData("yaml", "- targets: [a:1]\n- {x\n", "is no YAML")]
    public void What_is_wrong_is_said_with_its_place(string form, string text, string problem) =>
        Assert.Contains(problem, Assert.Throws<TargetFormatException>(() => Read(form, text)).Message, StringComparison.Ordinal);
}
