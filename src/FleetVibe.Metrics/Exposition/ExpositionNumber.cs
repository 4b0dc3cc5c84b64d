using System.Globalization;
using System.Text;

namespace FleetVibe.Metrics.Exposition;

/// <summary>Numbers as exporters write them, <c>+Inf</c> and <c>-nan(ind)</c> included.</summary>
internal static class ExpositionNumber
{
    internal static bool TryParse(ReadOnlySpan<byte> text, out double value)
    {
        // Counts and bounds are short integers nearly always.
        if (text.Length is > 0 and <= 15 && text.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0)
        {
            long whole = 0;
            foreach (var digit in text)
            {
                whole = whole * 10 + (digit - '0');
            }

            value = whole;
            return true;
        }

        var unsigned = text is [(byte)'+' or (byte)'-', ..] ? text[1..] : text;
        if (unsigned is [(>= (byte)'0' and <= (byte)'9') or (byte)'.', ..])
        {
            // The framework's parser passes over NULs at the end.
            if (text[^1] == 0)
            {
                value = 0;
                return false;
            }

            const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
            return double.TryParse(text, Styles, CultureInfo.InvariantCulture, out value);
        }

        if (Ascii.EqualsIgnoreCase(unsigned, "inf"u8) || Ascii.EqualsIgnoreCase(unsigned, "infinity"u8))
        {
            value = text[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
            return true;
        }

        // The Microsoft C runtime writes nan(ind) and nan(snan).
        value = double.NaN;
        return unsigned.Length >= 3 && Ascii.EqualsIgnoreCase(unsigned[..3], "nan"u8)
            && (unsigned.Length == 3 || (unsigned[3] == '(' && unsigned[^1] == ')'));
    }
}
