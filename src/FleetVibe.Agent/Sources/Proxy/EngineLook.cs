using System.Text.Json;
using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>How the engine behind a proxy is.</summary>
/// <param name="Error">Null where it answers.</param>
/// <param name="Text">What is wrong and its cure; empty where it answers.</param>
/// <param name="WantsToken">It answers, but only to who shows a token.</param>
/// <param name="Models">As the engine lists them; empty where it lists none.</param>
internal sealed record EngineState(ErrorClass? Error, string Text, bool WantsToken, IReadOnlyList<string> Models);

/// <summary>
/// Looks at an engine without giving it work: the list of models, which every engine with an OpenAI interface has. Any
/// answer but a failure of the server means that it is there.
/// </summary>
internal static class EngineLook
{
    public static PageWanted Wanted { get; } = new("application/json", null);

    /// <summary>The same engine, at its list of models.</summary>
    public static ProxySourceSettings At(ProxySourceSettings settings) => settings with
    {
        Name = settings.Target,
        Endpoint = new Uri(settings.Endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/v1/models"),
    };

    public static EngineState Of(FetchOutcome outcome) => outcome switch
    {
        { Page: { } page } => new EngineState(null, "", false, ModelsOf(page.Body)),
        { Error: ErrorClass.Auth } => new EngineState(null, "", true, []),
        { Error: ErrorClass.Http4xx or ErrorClass.Redirect or ErrorClass.TooLarge } => new EngineState(null, "", false, []),
        _ => new EngineState(outcome.Error ?? ErrorClass.WrongContent, outcome.Text, false, []),
    };

    private static List<string> ModelsOf(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement is { ValueKind: JsonValueKind.Object } root
                && root.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Array
                    ? [.. data.EnumerateArray().Select(NameOf).OfType<string>()]
                    : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    private static string? NameOf(JsonElement model) =>
        model.ValueKind == JsonValueKind.Object && model.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String ? id.GetString() : null;
}
