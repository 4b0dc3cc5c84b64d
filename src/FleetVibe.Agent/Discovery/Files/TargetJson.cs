using System.Text.Json;

namespace FleetVibe.Agent.Discovery.Files;

/// <summary>A list of targets could not be read; the message names the place in it and what would be right.</summary>
internal sealed class TargetFormatException(string problem) : Exception(problem);

/// <summary>
/// Target groups in JSON, the format of Prometheus' file_sd and http_sd:
/// <c>[{"targets": ["host:port"], "labels": {"name": "text"}}]</c>. Pure.
/// </summary>
internal static class TargetJson
{
    /// <exception cref="TargetFormatException">The text is no such list.</exception>
    internal static IReadOnlyList<DiscoveredTarget> Read(string text)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(text);
        }
        catch (JsonException e)
        {
            throw new TargetFormatException($"{e.LineNumber + 1}:{e.BytePositionInLine + 1}: is no JSON: write [{{\"targets\": [\"host:port\"], \"labels\": {{}}}}]");
        }

        using (document)
        {
            var root = document.RootElement;
            Require(root.ValueKind == JsonValueKind.Array, "the whole", root, "a list of groups");
            var targets = new List<DiscoveredTarget>();
            foreach (var (group, index) in root.EnumerateArray().Select((group, index) => (group, index)))
            {
                ReadGroup(group, $"[{index}]", targets);
            }

            return targets;
        }
    }

    private static void ReadGroup(JsonElement group, string place, List<DiscoveredTarget> targets)
    {
        Require(group.ValueKind == JsonValueKind.Object, place, group, "a group with targets and labels");
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        List<string> addresses = [];
        foreach (var entry in group.EnumerateObject())
        {
            switch (entry.Name)
            {
                case "targets":
                    Require(entry.Value.ValueKind == JsonValueKind.Array, $"{place}.targets", entry.Value, "a list of \"host:port\"");
                    foreach (var (target, index) in entry.Value.EnumerateArray().Select((target, index) => (target, index)))
                    {
                        Require(target.ValueKind == JsonValueKind.String, $"{place}.targets[{index}]", target, "a text such as \"host:port\"");
                        addresses.Add(target.GetString()!);
                    }

                    break;
                case "labels":
                    Require(entry.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Null, $"{place}.labels", entry.Value, "names with texts");
                    foreach (var label in entry.Value.ValueKind == JsonValueKind.Null ? [] : entry.Value.EnumerateObject().AsEnumerable())
                    {
                        Require(label.Value.ValueKind == JsonValueKind.String, $"{place}.labels.{label.Name}", label.Value, "a text in quotes");
                        labels[label.Name] = label.Value.GetString()!;
                    }

                    break;
                default:
                    // Prometheus skips what it does not know, so that one file may serve several readers.
                    break;
            }
        }

        targets.AddRange(addresses.Select(address => new DiscoveredTarget(address, labels)));
    }

    private static void Require(bool holds, string place, JsonElement found, string wanted)
    {
        if (!holds)
        {
            throw new TargetFormatException($"{place} is {Name(found.ValueKind)}, not {wanted}");
        }
    }

    private static string Name(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Array => "a list",
        JsonValueKind.Object => "an object",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "a truth value",
    };
}
