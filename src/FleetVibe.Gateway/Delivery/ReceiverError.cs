using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace FleetVibe.Gateway.Delivery;

/// <summary>The body of an error answer, read leniently: Telegraf's v1 listener writes escapes that are not JSON.</summary>
/// <param name="Code">InfluxDB 2's code, such as <c>invalid</c> or <c>internal error</c>; empty where there is none.</param>
/// <param name="Message">At most 500 characters on one line; empty where the body is.</param>
internal sealed partial record ReceiverError(string Code, string Message)
{
    private const int LongestMessage = 500;
    private const int MessageShown = 60;

    internal static ReceiverError Read(string body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            if (json.RootElement.ValueKind == JsonValueKind.Object)
            {
                var message = TextOf(json.RootElement, "message");
                return new(TextOf(json.RootElement, "code"), Clean(message.Length > 0 ? message : TextOf(json.RootElement, "error")));
            }
        }
        catch (JsonException)
        {
            // Not JSON: taken apart by hand below.
        }

        var code = CodeMember().Match(body);
        var text = MessageMember().Match(body);
        return new(
            code.Success ? code.Groups[1].Value : "",
            Clean(text.Success ? text.Groups[1].Value.Replace("\\\"", "\"", StringComparison.Ordinal).Replace("\\\\", "\\", StringComparison.Ordinal) : body));
    }

    /// <summary>measurement.field of a field type conflict; null where it is none.</summary>
    internal string? ConflictingField =>
        FieldConflict().Match(Message) is { Success: true } match ? $"{match.Groups[2].Value}.{match.Groups[1].Value}" : null;

    /// <summary>
    /// The number of the line that the message names, from 1. Null where it names none, or quotes another text than that line's:
    /// no line is condemned on a guess.
    /// </summary>
    internal int? LineIn(IReadOnlyList<string> lines)
    {
        var match = Position().Match(Message);
        if (!match.Success
            || !int.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var line)
            || line < 1 || line > lines.Count)
        {
            return null;
        }

        // Compared up to the first character that may be escaped in the quotation.
        var quoted = match.Groups[2].Value;
        var plain = quoted.AsSpan(0, quoted.AsSpan().IndexOfAny("\"\\\n\r") is var end and >= 0 ? end : quoted.Length);
        plain = plain[..Math.Min(plain.Length, MessageShown)];
        return lines[line - 1].AsSpan().Contains(plain, StringComparison.Ordinal) ? line : null;
    }

    private static string TextOf(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static string Clean(string message)
    {
        var line = new string([.. message.Trim().Take(LongestMessage).Select(c => char.IsControl(c) ? ' ' : c)]);
        return line;
    }

    [GeneratedRegex("""
        "code"\s*:\s*"([^"]*)"
        """, RegexOptions.CultureInvariant)]
    private static partial Regex CodeMember();

    [GeneratedRegex("""
        "(?:message|error)"\s*:\s*"((?:[^"\\]|\\.)*)
        """, RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex MessageMember();

    [GeneratedRegex("""
         at (?:line )?(\d{1,9}):\d{1,9}(?:: "(.*))?
        """, RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Position();

    [GeneratedRegex("""
        field type conflict: input field "([^"]+)" on measurement "([^"]+)"
        """, RegexOptions.CultureInvariant)]
    private static partial Regex FieldConflict();
}
