using System.Buffers.Text;

namespace FleetVibe.Agent.Sources.JsonLog.Formats;

/// <summary>
/// Reads a duration: a bare number in the configured unit; one with units of its own as Go and Rust write it
/// (<c>75.01s</c>, <c>1m15s</c>, <c>49.3µs</c>); or nginx's list of several tries, <c>0.001, 0.002 : 0.5</c>, whose sum it is.
/// </summary>
internal static class LogDuration
{
    /// <param name="seconds">Null where an empty text or dashes say that there is none.</param>
    /// <returns>False where it is negative, not finite or no duration.</returns>
    public static bool TryParse(ReadOnlySpan<byte> text, double unitsPerSecond, out double? seconds)
    {
        seconds = null;
        while (true)
        {
            var comma = text.IndexOf(", "u8);
            var colon = text.IndexOf(" : "u8);
            var end = comma < 0 ? colon : colon < 0 ? comma : Math.Min(comma, colon);
            var part = (end < 0 ? text : text[..end]).Trim((byte)' ');
            if (!part.IsEmpty && !part.SequenceEqual("-"u8))
            {
                if (!TryOne(part, unitsPerSecond, out var one))
                {
                    return false;
                }

                seconds = (seconds ?? 0) + one;
            }

            if (end < 0)
            {
                return true;
            }

            text = text[(end + 2)..];
        }
    }

    private static bool TryOne(ReadOnlySpan<byte> text, double unitsPerSecond, out double seconds)
    {
        seconds = 0;
        for (var isFirst = true; !text.IsEmpty; isFirst = false)
        {
            if (!Utf8Parser.TryParse(text, out double value, out var used) || !double.IsFinite(value) || value < 0)
            {
                return false;
            }

            text = text[used..].TrimStart((byte)' ');
            if (text.IsEmpty)
            {
                // Only a number that stands alone has the configured unit.
                seconds = value / unitsPerSecond;
                return isFirst;
            }

            if (!TryTakeUnit(ref text, out var unit))
            {
                return false;
            }

            seconds += value * unit;
        }

        return true;
    }

    private static bool TryTakeUnit(ref ReadOnlySpan<byte> text, out double seconds)
    {
        (var length, seconds) = text switch
        {
            _ when text.StartsWith("ms"u8) => (2, 1e-3),
            _ when text.StartsWith("us"u8) => (2, 1e-6),
            _ when text.StartsWith("\u00B5s"u8) || text.StartsWith("\u03BCs"u8) => (3, 1e-6),
            _ when text.StartsWith("ns"u8) => (2, 1e-9),
            _ when text.StartsWith("h"u8) => (1, 3600d),
            _ when text.StartsWith("m"u8) => (1, 60d),
            _ when text.StartsWith("s"u8) => (1, 1d),
            _ => (0, 0d),
        };
        text = text[length..];
        return length > 0;
    }
}
