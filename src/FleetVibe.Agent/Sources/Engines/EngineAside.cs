using System.Text.Json;
using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>What other pages of the same server add to its metrics; null where they say nothing.</summary>
/// <param name="Model">The model where the metrics have no label for it: the last part of a path.</param>
/// <param name="Running">Requests in work at this moment.</param>
internal sealed record EngineAside(string? Model, long? Running)
{
    public const string Health = "/health";
    public const string Slots = "/slots";
    public const string Props = "/props";
    public const string Info = "/info";

    public static EngineAside Of(FetchedPage page) =>
        page.Beside.Count == 0
            ? new EngineAside(null, null)
            : new EngineAside(
                ReadText(page, Info, "model_id") ?? LastPart(ReadText(page, Props, "model_alias")) ?? LastPart(ReadText(page, Props, "model_path")),
                page.Beside.TryGetValue(Slots, out var slots) ? Processing(slots.Body) : null);

    private static string? ReadText(FetchedPage page, string path, string name)
    {
        if (!page.Beside.TryGetValue(path, out var beside))
        {
            return null;
        }

        using var document = Parse(beside.Body);
        return document?.RootElement is { ValueKind: JsonValueKind.Object } root
            && root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
            ? text
            : null;
    }

    private static long? Processing(ReadOnlyMemory<byte> body)
    {
        using var document = Parse(body);
        if (document?.RootElement is not { ValueKind: JsonValueKind.Array } slots)
        {
            return null;
        }

        long processing = 0;
        foreach (var slot in slots.EnumerateArray())
        {
            if (slot.ValueKind != JsonValueKind.Object || !slot.TryGetProperty("is_processing", out var busy)
                || busy.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            {
                return null;
            }

            processing += busy.GetBoolean() ? 1 : 0;
        }

        return processing;
    }

    private static string? LastPart(string? path)
    {
        var last = path?.Split('/', '\\', StringSplitOptions.RemoveEmptyEntries).LastOrDefault();
        return string.IsNullOrWhiteSpace(last) ? null : last;
    }

    private static JsonDocument? Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            return JsonDocument.Parse(body);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
