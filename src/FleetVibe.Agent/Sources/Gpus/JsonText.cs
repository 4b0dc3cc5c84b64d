using System.Text.Json;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>JSON of tools.</summary>
internal static class JsonText
{
    /// <summary>Null where the text is no JSON.</summary>
    internal static JsonDocument? Parse(string text)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>What stands at the end of a path of names; null where it is broken.</summary>
    internal static JsonElement? At(JsonElement from, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (from.ValueKind != JsonValueKind.Object || !from.TryGetProperty(name, out from))
            {
                return null;
            }
        }

        return from;
    }
}
