using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace FleetVibe.Agent.Sources.VibeThinker;

/// <summary>A JSON summary, read figure by figure.</summary>
internal sealed class SummaryBody
{
    private static readonly JsonDocumentOptions Options = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    private readonly Dictionary<string, double?> _values;

    private SummaryBody(Dictionary<string, double?> values, IReadOnlyList<string> names)
    {
        _values = values;
        Names = names;
    }

    /// <summary>The outermost names of the body, for messages.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Whether the body has the figure, readable or not.</summary>
    public bool Has(SummaryFigure figure) => _values.ContainsKey(figure.Name);

    /// <summary>Its number; null where it is missing or no finite number.</summary>
    public double? this[SummaryFigure figure] => _values.GetValueOrDefault(figure.Name);

    /// <summary>Null where the body is no JSON object, or holds what is no text.</summary>
    public static SummaryBody? Read(ReadOnlyMemory<byte> body, IReadOnlyList<SummaryFigure> figures)
    {
        if (body.Span.StartsWith("\ufeff"u8))
        {
            body = body[3..];
        }

        try
        {
            using var document = Parse(body) ?? Parse(WithoutNaN(body.Span));
            return document is null || document.RootElement.ValueKind != JsonValueKind.Object ? null : Read(document.RootElement, figures);
        }
        catch (InvalidOperationException)
        {
            // A text that is no UTF-8, or half a surrogate pair, shows only when it is looked at.
            return null;
        }
    }

    private static SummaryBody Read(JsonElement root, IReadOnlyList<SummaryFigure> figures)
    {
        var values = new Dictionary<string, double?>(StringComparer.Ordinal);
        foreach (var figure in figures)
        {
            if (Find(root, figure.Path) is { } found)
            {
                values[figure.Name] = NumberOf(found);
            }
        }

        return new SummaryBody(values, [.. root.EnumerateObject().Select(p => p.Name).Take(20)]);
    }

    private static JsonElement? Find(JsonElement from, IReadOnlyList<string> path)
    {
        // A name may itself hold dots.
        if (from.ValueKind == JsonValueKind.Object && from.TryGetProperty(string.Join('.', path), out var whole))
        {
            return whole.ValueKind == JsonValueKind.Null ? null : whole;
        }

        foreach (var name in path)
        {
            if (from.ValueKind != JsonValueKind.Object || !from.TryGetProperty(name, out from))
            {
                return null;
            }
        }

        return from.ValueKind == JsonValueKind.Null ? null : from;
    }

    private static double? NumberOf(JsonElement value)
    {
        var number = value.ValueKind switch
        {
            JsonValueKind.Number when value.TryGetDouble(out var plain) => plain,
            JsonValueKind.String when double.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var quoted) => quoted,
            _ => double.NaN,
        };
        return double.IsFinite(number) ? number : null;
    }

    private static JsonDocument? Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            return JsonDocument.Parse(body, Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // Python writes NaN and Infinity outside of strings, which is no JSON.
    private static ReadOnlyMemory<byte> WithoutNaN(ReadOnlySpan<byte> body)
    {
        var written = new ArrayBufferWriter<byte>(Math.Max(body.Length, 1));
        var quoted = false;
        for (var i = 0; i < body.Length; i++)
        {
            var rest = body[i..];
            var length = quoted ? 0 : LengthOfNaN(rest);
            if (length > 0)
            {
                written.Write("null"u8);
                i += length - 1;
                continue;
            }

            var escaped = quoted && rest[0] == '\\' && rest.Length > 1;
            written.Write(rest[..(escaped ? 2 : 1)]);
            quoted ^= rest[0] == '"';
            i += escaped ? 1 : 0;
        }

        return written.WrittenMemory;
    }

    private static int LengthOfNaN(ReadOnlySpan<byte> rest) =>
        rest.StartsWith("NaN"u8) ? 3 : rest.StartsWith("Infinity"u8) ? 8 : rest.StartsWith("-Infinity"u8) ? 9 : 0;
}
