using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace FleetVibe.Agent.Discovery.Files;

/// <summary>Target groups in YAML, as Prometheus' file_sd has them; the same as <see cref="TargetJson"/> otherwise. Pure.</summary>
internal static class TargetYaml
{
    /// <exception cref="TargetFormatException">The text is no such list.</exception>
    internal static IReadOnlyList<DiscoveredTarget> Read(string text)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new TargetFormatException($"{e.Start.Line}:{e.Start.Column}: is no YAML ({e.Message.ReplaceLineEndings(" ")}): write a list of groups with targets and labels");
        }

        var targets = new List<DiscoveredTarget>();
        if (stream.Documents.Count == 0 || IsNull(stream.Documents[0].RootNode))
        {
            return targets;
        }

        foreach (var group in Items(stream.Documents[0].RootNode, "the whole", "a list of groups"))
        {
            ReadGroup(group, targets);
        }

        return targets;
    }

    private static void ReadGroup(YamlNode node, List<DiscoveredTarget> targets)
    {
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        List<string> addresses = [];
        foreach (var (name, value) in Entries(node, "a group", "targets and labels"))
        {
            if (name == "targets")
            {
                addresses.AddRange(IsNull(value) ? [] : Items(value, "targets", "a list of host:port").Select(target => Text(target, "a target", "a text such as host:port")));
            }
            else if (name == "labels" && !IsNull(value))
            {
                foreach (var (label, text) in Entries(value, "labels", "names with texts"))
                {
                    labels[label] = Text(text, $"label {label}", "a text");
                }
            }
        }

        targets.AddRange(addresses.Select(address => new DiscoveredTarget(address, labels)));
    }

    private static IEnumerable<YamlNode> Items(YamlNode node, string what, string wanted) =>
        node is YamlSequenceNode list ? list.Children : throw Wrong(node, what, wanted);

    private static IEnumerable<(string Name, YamlNode Value)> Entries(YamlNode node, string what, string wanted) =>
        node is YamlMappingNode table
            ? table.Children.Select(entry => (Text(entry.Key, $"a name in {what}", "a text"), entry.Value))
            : throw Wrong(node, what, wanted);

    private static string Text(YamlNode node, string what, string wanted) =>
        node is YamlScalarNode { Value: { } text } ? text : throw Wrong(node, what, wanted);

    private static bool IsNull(YamlNode node) => node is YamlScalarNode { Style: ScalarStyle.Plain, Value: null or "" or "~" or "null" };

    private static TargetFormatException Wrong(YamlNode node, string what, string wanted) =>
        new($"{node.Start.Line}:{node.Start.Column}: {what} is {(node is YamlSequenceNode ? "a list" : node is YamlMappingNode ? "a table" : "a text")}, not {wanted}");
}
