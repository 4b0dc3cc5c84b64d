using System.Globalization;

namespace FleetVibe.Configuration.Values;

/// <summary>Durations as users write them: <c>250ms</c>, <c>10s</c>, <c>2m</c>, <c>72h</c>, <c>30d</c>; a bare number is seconds.</summary>
internal static class DurationText
{
    private static readonly (string Unit, TimeSpan Span)[] Units =
    [
        ("ms", TimeSpan.FromMilliseconds(1)),
        ("s", TimeSpan.FromSeconds(1)),
        ("m", TimeSpan.FromMinutes(1)),
        ("h", TimeSpan.FromHours(1)),
        ("d", TimeSpan.FromDays(1)),
    ];

    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var digits = text.Length;
        while (digits > 0 && char.IsAsciiLetter(text[digits - 1]))
        {
            digits--;
        }

        if (!decimal.TryParse(text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        var unit = digits == text.Length ? TimeSpan.FromSeconds(1) : Array.Find(Units, u => u.Unit == text[digits..]).Span;
        if (unit == TimeSpan.Zero || number > TimeSpan.FromDays(36500).Ticks / (decimal)unit.Ticks)
        {
            return false;
        }

        duration = TimeSpan.FromTicks((long)(number * unit.Ticks));
        return true;
    }

    /// <summary>In the largest unit that leaves a whole number.</summary>
    public static string Format(TimeSpan duration)
    {
        foreach (var (unit, span) in Units.Reverse())
        {
            if (duration >= span && duration.Ticks % span.Ticks == 0)
            {
                return (duration.Ticks / span.Ticks).ToString(CultureInfo.InvariantCulture) + unit;
            }
        }

        return duration.TotalMilliseconds.ToString("0.####", CultureInfo.InvariantCulture) + "ms";
    }
}
