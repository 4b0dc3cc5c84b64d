namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>How an answer's body is cut into values.</summary>
internal enum AnswerFraming
{
    /// <summary>Nothing that can be read: compressed, or of another type.</summary>
    Opaque,

    /// <summary>One JSON value.</summary>
    Whole,

    /// <summary>JSON values one after the other as they come into being (Ollama).</summary>
    Lines,

    /// <summary>Server-sent events with a JSON value each (OpenAI, llama.cpp).</summary>
    Events,
}

/// <summary>Framing by the answer's headers.</summary>
internal static class AnswerFramings
{
    /// <param name="contentType">As it was received, with parameters; null where there is none.</param>
    /// <param name="contentEncoding">Null, empty or <c>identity</c> where the body is not compressed.</param>
    public static AnswerFraming Of(string? contentType, string? contentEncoding)
    {
        if (!string.IsNullOrWhiteSpace(contentEncoding) && !contentEncoding.Trim().Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            return AnswerFraming.Opaque;
        }

        return contentType?.Split(';')[0].Trim().ToLowerInvariant() switch
        {
            "text/event-stream" => AnswerFraming.Events,
            "application/x-ndjson" or "application/ndjson" or "application/jsonl" or "application/x-jsonlines" => AnswerFraming.Lines,
            "application/json" or "text/json" => AnswerFraming.Whole,
            _ => AnswerFraming.Opaque,
        };
    }
}
