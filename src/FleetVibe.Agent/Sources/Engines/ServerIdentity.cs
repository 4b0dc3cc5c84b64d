using System.Text.Json;
using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>What a server says of itself where its metrics do not.</summary>
/// <param name="Product">Null where it gives a version and no more.</param>
/// <param name="Version">Null where it gives none.</param>
internal sealed record ServerIdentity(string? Product, string? Version, string Path, string? Cure)
{
    private const string PlainVersion = "/version";
    private const string OllamaVersion = "/api/version";
    private const string SglangInfo = "/get_server_info";

    /// <summary>Where servers say what they are.</summary>
    public static IReadOnlyList<string> Paths { get; } = [PlainVersion, EngineAside.Props, OllamaVersion, EngineAside.Info, SglangInfo];

    /// <summary>What answers, and what to do about it.</summary>
    public string Advice =>
        $"{(Product is null ? "a server that gives its version" : $"{Product}{(Version is null ? "" : $" {Version}")}")} answers there (by {Path})"
        + (Cure is null ? "" : $"; {Cure}");

    /// <summary>Out of what stands beside a page; null where nothing there says anything.</summary>
    public static ServerIdentity? Of(FetchedPage page) => Of(page.Beside);

    public static ServerIdentity? Of(IReadOnlyDictionary<string, FetchedPage> beside)
    {
        // The most telling one first: many servers have a /version.
        foreach (var path in (string[])[SglangInfo, EngineAside.Props, EngineAside.Info, OllamaVersion, PlainVersion, "/v1/version"])
        {
            if (beside.TryGetValue(path, out var page) && Read(path, page) is { } identity)
            {
                return identity;
            }
        }

        return null;
    }

    private static ServerIdentity? Read(string path, FetchedPage page)
    {
        try
        {
            using var document = JsonDocument.Parse(page.Body);
            var root = document.RootElement;

            // LM Studio answers an unknown path with 200 and an error.
            return root.ValueKind != JsonValueKind.Object || root.TryGetProperty("error", out _) ? null : Read(path, root);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static ServerIdentity? Read(string path, JsonElement root)
    {
        bool Has(string name) => root.TryGetProperty(name, out _);
        string? Text(string name) => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            && value.GetString() is { Length: > 0 and < 100 } text ? text.ReplaceLineEndings(" ") : null;
        ServerIdentity By(string kind, string? version) => new(EngineTables.Of(kind).Product, version, path, EngineTables.Of(kind).DisabledCure);
        return path switch
        {
            SglangInfo when Has("model_path") || Has("served_model_name") || Has("version") => By("sglang", Text("version")),
            EngineAside.Props when Has("total_slots") || Has("build_info") || Has("model_path") => By("llamacpp", Text("build_info")),
            EngineAside.Info when Has("model_id") && (Has("model_type") || Has("tokenization_workers")) => By("tei", Text("version")),
            EngineAside.Info when Has("model_id") => By("tgi", Text("version")),
            OllamaVersion when Text("version") is { } version =>
                new ServerIdentity("Ollama", version, path, "Ollama has no metrics: read its requests through a proxy or out of a log"),
            PlainVersion or "/v1/version" when (Text("version") ?? Text("release") ?? Text("api")) is { } version => new ServerIdentity(null, version, path, null),
            _ => null,
        };
    }
}
