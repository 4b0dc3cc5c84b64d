namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>Which requests are measured; all are forwarded.</summary>
internal static class MeasuredPaths
{
    private static readonly string[] Endings = ["/completions", "/completion", "/api/generate", "/api/chat"];

    /// <summary>POSTs to OpenAI's chat and text completions under any prefix, to llama.cpp's own and to Ollama's.</summary>
    public static bool Contains(string method, string path) =>
        HttpMethods.IsPost(method) && Array.Exists(Endings, ending => path.AsSpan().TrimEnd('/').EndsWith(ending, StringComparison.OrdinalIgnoreCase));
}
