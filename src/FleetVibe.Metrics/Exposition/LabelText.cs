using System.Buffers;
using System.Text;

namespace FleetVibe.Metrics.Exposition;

/// <summary>The block of labels of a sample, on its raw bytes.</summary>
public static class LabelText
{
    private static readonly SearchValues<byte> BareNameBytes = SearchValues.Create(
        [.. "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:.-/"u8, .. Enumerable.Range(0x80, 0x80).Select(b => (byte)b)]);

    private static readonly SearchValues<byte> QuoteOrBackslash = SearchValues.Create("\"\\"u8);

    internal enum Step
    {
        Label,

        /// <summary>A quoted string without a value: the metric's name.</summary>
        MetricName,
        End,
        Bad,
    }

    /// <summary>Raw label value to text: <c>\\</c>, <c>\"</c> and <c>\n</c> are resolved, any other backslash stays.</summary>
    public static string Unescape(ReadOnlySpan<byte> raw)
    {
        if (!raw.Contains((byte)'\\'))
        {
            return Encoding.UTF8.GetString(raw);
        }

        var bytes = new byte[raw.Length];
        var written = 0;
        for (var i = 0; i < raw.Length; i++)
        {
            if (raw[i] == '\\' && i + 1 < raw.Length && raw[i + 1] is (byte)'\\' or (byte)'"' or (byte)'n')
            {
                i++;
                bytes[written++] = raw[i] == 'n' ? (byte)'\n' : raw[i];
            }
            else
            {
                bytes[written++] = raw[i];
            }
        }

        return Encoding.UTF8.GetString(bytes, 0, written);
    }

    /// <summary>Names and values between the braces, unescaped, in their order.</summary>
    internal static List<KeyValuePair<string, string>> Pairs(ReadOnlySpan<byte> rest)
    {
        var pairs = new List<KeyValuePair<string, string>>();
        while (!rest.IsEmpty)
        {
            switch (Next(ref rest, out var name, out var value))
            {
                case Step.Label:
                    pairs.Add(KeyValuePair.Create(Unescape(name), Unescape(value)));
                    break;
                case Step.MetricName:
                    break;
                default:
                    return pairs;
            }
        }

        return pairs;
    }

    /// <summary>
    /// Takes the next item; <paramref name="rest"/> begins behind the opening brace or the item before. One comma may stand
    /// before any item and before the closing brace, and may be missing between items, as some reader of note has it each way.
    /// </summary>
    internal static Step Next(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        value = default;
        SkipBlanks(ref rest);
        if (rest is [(byte)',', ..])
        {
            rest = rest[1..];
            SkipBlanks(ref rest);
        }

        if (rest is [(byte)'}', ..])
        {
            name = default;
            rest = rest[1..];
            return Step.End;
        }

        if (rest is [(byte)'"', ..])
        {
            if (!TryTakeString(ref rest, out name))
            {
                return Step.Bad;
            }

            SkipBlanks(ref rest);
            if (rest is not [(byte)'=', ..])
            {
                return rest is [(byte)',' or (byte)'}', ..] ? Step.MetricName : Step.Bad;
            }
        }
        else
        {
            var length = rest.IndexOfAnyExcept(BareNameBytes);
            name = rest[..Math.Max(length, 0)];
            rest = rest[name.Length..];
            SkipBlanks(ref rest);
        }

        if (name.IsEmpty || rest is not [(byte)'=', ..])
        {
            return Step.Bad;
        }

        rest = rest[1..];
        SkipBlanks(ref rest);
        return TryTakeString(ref rest, out value) ? Step.Label : Step.Bad;
    }

    /// <summary>Whether raw text has an escape beyond <c>\\</c>, <c>\"</c> and <c>\n</c>.</summary>
    internal static bool HasOtherEscape(ReadOnlySpan<byte> raw)
    {
        for (var i = 0; i < raw.Length; i++)
        {
            if (raw[i] == '\\' && (++i >= raw.Length || raw[i] is not ((byte)'\\' or (byte)'"' or (byte)'n')))
            {
                return true;
            }
        }

        return false;
    }

    internal static void SkipBlanks(scoped ref ReadOnlySpan<byte> rest)
    {
        while (rest is [(byte)' ' or (byte)'\t', ..])
        {
            rest = rest[1..];
        }
    }

    internal static bool TryTakeString(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (rest is not [(byte)'"', ..])
        {
            return false;
        }

        var at = 1;
        while (at < rest.Length)
        {
            var found = rest[at..].IndexOfAny(QuoteOrBackslash);
            if (found < 0)
            {
                return false;
            }

            at += found;
            if (rest[at] == '"')
            {
                text = rest[1..at];
                rest = rest[(at + 1)..];
                return true;
            }

            at += 2;
        }

        return false;
    }
}
