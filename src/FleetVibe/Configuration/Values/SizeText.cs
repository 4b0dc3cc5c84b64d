using System.Globalization;

namespace FleetVibe.Configuration.Values;

/// <summary>Sizes as users write them: <c>512KiB</c>, <c>1MiB</c>, <c>20GiB</c>, <c>1TiB</c>; a bare number is bytes.</summary>
internal static class SizeText
{
    private static readonly (string Unit, int Shift)[] Units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

    public static bool TryParse(string text, out long bytes)
    {
        foreach (var (unit, shift) in Units)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal))
            {
                if (!TryDigits(text.AsSpan(0, text.Length - unit.Length), out bytes) || bytes > long.MaxValue >> shift)
                {
                    return false;
                }

                bytes <<= shift;
                return true;
            }
        }

        return TryDigits(text, out bytes);
    }

    public static string Format(long bytes)
    {
        foreach (var (unit, shift) in Units)
        {
            if (bytes > 0 && bytes % (1L << shift) == 0)
            {
                return (bytes >> shift).ToString(CultureInfo.InvariantCulture) + unit;
            }
        }

        return bytes.ToString(CultureInfo.InvariantCulture);
    }

    private static bool TryDigits(ReadOnlySpan<char> digits, out long value) =>
        long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
