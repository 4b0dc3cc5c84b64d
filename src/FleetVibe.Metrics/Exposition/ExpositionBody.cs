using System.Text;
using System.Text.Json;

namespace FleetVibe.Metrics.Exposition;

/// <summary>Mends a body before it is read.</summary>
public static class ExpositionBody
{
    /// <summary>
    /// Some llama.cpp builds of autumn 2025 sent the whole exposition as one JSON string. Gives the text inside such a body,
    /// any other body as it is.
    /// </summary>
    public static ReadOnlyMemory<byte> Unquote(ReadOnlyMemory<byte> body)
    {
        if (body.Span is not [(byte)'"', ..])
        {
            return body;
        }

        try
        {
            var json = new Utf8JsonReader(body.Span);
            return json.Read() ? Encoding.UTF8.GetBytes(json.GetString()!) : body;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return body;
        }
    }
}
