using System.Globalization;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>Numbers as tools print them. Whatever is none is absent, and never 0.</summary>
internal static class ToolNumber
{
    private const double MostBytes = 1L << 60;

    internal static double? Of(ReadOnlySpan<char> text)
    {
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(text, Style, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : null;
    }

    /// <summary>0 to 100; null beyond.</summary>
    internal static double? Percent(double? value) => value is >= 0 and <= 100 ? value : null;

    /// <summary>Null where it cannot be a count.</summary>
    internal static long? Count(double? value) => value is { } count and >= 0 and < 1e18 ? (long)count : null;

    /// <summary>Null where it cannot be a size.</summary>
    internal static long? Bytes(double? value, long unit) =>
        value is { } size and >= 0 && size * unit <= MostBytes ? (long)Math.Round(size * unit) : null;
}
