using System.Text;
using System.Text.Unicode;

namespace FleetVibe.Metrics.LineProtocol;

internal enum NameKind
{
    Measurement,
    Tag,
    FieldKey,
}

/// <summary>Measurements, tag keys and values, field keys: where they end and what they mean.</summary>
internal static class NameText
{
    internal enum Outcome
    {
        Name,
        Empty,

        /// <summary>The parsers would read it differently.</summary>
        Ambiguous,
        NotUtf8,
    }

    /// <param name="length">Bytes up to the end of the name, or up to what is wrong with it.</param>
    internal static Outcome Match(ReadOnlySpan<byte> text, NameKind kind, out int length, out string name)
    {
        name = "";
        length = 0;
        var escapedSeparator = false;
        var backslashQuote = false;
        while (length < text.Length)
        {
            var b = text[length];
            if (b != '\\')
            {
                if (b is < 0x20 or 0x7f || IsSeparator(b, kind))
                {
                    break;
                }

                length++;
                continue;
            }

            var run = text[length..].IndexOfAnyExcept((byte)'\\');
            run = run < 0 ? text.Length - length : run;
            var next = length + run < text.Length ? text[length + run] : (byte)0;
            if (IsSeparator(next, kind))
            {
                // In a measurement or field key one parser takes backslashes in pairs, so an even run escapes nothing for it.
                if (kind != NameKind.Tag && run % 2 == 0)
                {
                    length += run;
                    return Outcome.Ambiguous;
                }

                escapedSeparator = true;
                run++;
            }
            else if (next == '"' && kind != NameKind.Measurement)
            {
                backslashQuote = true;
            }

            length += run;
        }

        var raw = text[..length];
        if (raw.IsEmpty)
        {
            return Outcome.Empty;
        }

        if (escapedSeparator && backslashQuote)
        {
            return Outcome.Ambiguous;
        }

        if (!Utf8.IsValid(raw))
        {
            return Outcome.NotUtf8;
        }

        name = escapedSeparator ? Unescape(raw, kind == NameKind.Measurement ? ", "u8 : ",= "u8) : Encoding.UTF8.GetString(raw);
        return Outcome.Name;
    }

    /// <summary>Takes the backslash away from before each of the given characters; any other stays.</summary>
    internal static string Unescape(ReadOnlySpan<byte> raw, ReadOnlySpan<byte> special)
    {
        var bytes = new byte[raw.Length];
        var written = 0;
        for (var i = 0; i < raw.Length; i++)
        {
            if (raw[i] == '\\' && i + 1 < raw.Length && special.Contains(raw[i + 1]))
            {
                i++;
            }

            bytes[written++] = raw[i];
        }

        return Encoding.UTF8.GetString(bytes, 0, written);
    }

    private static bool IsSeparator(byte b, NameKind kind) => b is (byte)',' or (byte)' ' || (b == '=' && kind != NameKind.Measurement);
}
