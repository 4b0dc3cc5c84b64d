using System.Globalization;

namespace FleetVibe.Metrics.LineProtocol;

/// <summary>Field values other than strings.</summary>
internal static class FieldValueText
{
    internal enum Outcome
    {
        Value,
        Syntax,
        OutOfRange,
    }

    /// <param name="length">Bytes of the longest value at the start of the text, or up to what is wrong with it.</param>
    internal static Outcome Match(ReadOnlySpan<byte> text, out int length, out FieldValue value)
    {
        if (text is [>= (byte)'A', ..])
        {
            return MatchBoolean(text, out length, out value);
        }

        value = default;
        var negative = text is [(byte)'-', ..];
        var digits = negative ? 1 : 0;
        length = digits + CountDigits(text[digits..]);
        var whole = length - digits;
        var next = At(text, length);
        if (whole > 0 && (next == 'i' || (next == 'u' && !negative)))
        {
            // One parser refuses leading zeros in integers.
            return whole > 1 && text[digits] == '0' ? Outcome.Syntax : ParseInteger(text[..length++], next, out value);
        }

        if (next == '.')
        {
            var fraction = CountDigits(text[++length..]);
            length += fraction;
            whole += fraction;
        }

        if (whole == 0)
        {
            return Outcome.Syntax;
        }

        if (At(text, length) is (byte)'e' or (byte)'E')
        {
            length++;
            if (At(text, length) is (byte)'+' or (byte)'-')
            {
                length++;
            }

            var exponent = CountDigits(text[length..]);
            length += exponent;
            if (exponent == 0)
            {
                return Outcome.Syntax;
            }
        }

        const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        if (!double.TryParse(text[..length], Styles, CultureInfo.InvariantCulture, out var parsed))
        {
            return Outcome.Syntax;
        }

        value = FieldValue.Of(parsed);
        return double.IsFinite(parsed) ? Outcome.Value : Outcome.OutOfRange;
    }

    private static Outcome ParseInteger(ReadOnlySpan<byte> digits, byte suffix, out FieldValue value)
    {
        value = default;
        if (suffix == 'i')
        {
            if (!long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var signed))
            {
                return Outcome.OutOfRange;
            }

            value = FieldValue.Of(signed);
            return Outcome.Value;
        }

        if (!ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var unsigned))
        {
            return Outcome.OutOfRange;
        }

        value = FieldValue.Of(unsigned);
        return Outcome.Value;
    }

    private static Outcome MatchBoolean(ReadOnlySpan<byte> text, out int length, out FieldValue value)
    {
        length = 0;
        while (length < text.Length && char.IsAsciiLetter((char)text[length]))
        {
            length++;
        }

        bool? word = text[..length] switch
        {
            [(byte)'t' or (byte)'T'] => true,
            [(byte)'f' or (byte)'F'] => false,
            var w when w.SequenceEqual("true"u8) || w.SequenceEqual("True"u8) || w.SequenceEqual("TRUE"u8) => true,
            var w when w.SequenceEqual("false"u8) || w.SequenceEqual("False"u8) || w.SequenceEqual("FALSE"u8) => false,
            _ => null,
        };
        value = FieldValue.Of(word ?? false);
        length = word is null ? 0 : length;
        return word is null ? Outcome.Syntax : Outcome.Value;
    }

    private static int CountDigits(ReadOnlySpan<byte> text)
    {
        var count = text.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        return count < 0 ? text.Length : count;
    }

    private static byte At(ReadOnlySpan<byte> text, int index) => index < text.Length ? text[index] : (byte)0;
}
