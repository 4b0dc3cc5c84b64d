using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>Fields of a <see cref="JsonFieldScanner"/> to values. Pure.</summary>
internal static class JsonField
{
    // More tokens than any answer has; a number beyond it is a fault of the server and would ruin the sums.
    private const double MaxTokens = 1e12;

    /// <summary>Null where it is no number from 0 to 1e12.</summary>
    public static long? Tokens(JsonFieldKind kind, ReadOnlySpan<byte> raw) =>
        kind == JsonFieldKind.Word && Utf8Parser.TryParse(raw, out double value, out var used) && used == raw.Length && value is >= 0 and <= MaxTokens
            ? (long)Math.Round(value)
            : null;

    /// <summary>Null where it is no text, not whole, or no valid one.</summary>
    public static string? Text(JsonFieldKind kind, ReadOnlySpan<byte> raw, bool isWhole)
    {
        if (kind != JsonFieldKind.Text || !isWhole)
        {
            return null;
        }

        if (!raw.Contains((byte)'\\'))
        {
            return Encoding.UTF8.GetString(raw);
        }

        try
        {
            byte[] quoted = [(byte)'"', .. raw, (byte)'"'];
            var reader = new Utf8JsonReader(quoted);
            return reader.Read() ? reader.GetString() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    public static bool IsTrue(JsonFieldKind kind, ReadOnlySpan<byte> raw) => kind == JsonFieldKind.Word && raw.SequenceEqual("true"u8);

    /// <summary>Something is there: no null, no false, no empty text.</summary>
    public static bool IsPresent(JsonFieldKind kind, ReadOnlySpan<byte> raw) => kind switch
    {
        JsonFieldKind.Text => !raw.IsEmpty,
        JsonFieldKind.Word => !raw.SequenceEqual("null"u8) && !raw.SequenceEqual("false"u8),
        _ => true,
    };
}
