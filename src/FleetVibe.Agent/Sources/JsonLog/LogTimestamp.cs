using System.Buffers.Text;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>
/// Reads the moment a log line was written for: RFC 3339 with any fraction and offset, Python's
/// <c>2025-11-24 06:00:04,123</c>, or unix time in s, ms, us or ns, told apart by magnitude.
/// </summary>
internal static class LogTimestamp
{
    // Up to here a number is in that unit: seconds until the year 5138, the others alike.
    private const decimal SecondsBelow = 100_000_000_000m;
    private const decimal MillisecondsBelow = SecondsBelow * 1000m;
    private const decimal MicrosecondsBelow = MillisecondsBelow * 1000m;

    /// <param name="text">Without quotes, unescaped; may be a number.</param>
    /// <param name="zone">Zone of a text that names none.</param>
    public static bool TryParse(ReadOnlySpan<byte> text, TimeZoneInfo zone, out DateTimeOffset moment)
    {
        text = text.Trim((byte)' ');
        return TryParseCalendar(text, zone, out moment) || TryParseUnix(text, out moment);
    }

    /// <summary>Unix time, whole or broken; decimal, so that nanoseconds keep their digits.</summary>
    public static bool TryParseUnix(ReadOnlySpan<byte> text, out DateTimeOffset moment)
    {
        moment = default;
        if (!Utf8Parser.TryParse(text, out decimal value, out var used) || used != text.Length || value <= 0)
        {
            return false;
        }

        var ticks = value switch
        {
            < SecondsBelow => value * TimeSpan.TicksPerSecond,
            < MillisecondsBelow => value * TimeSpan.TicksPerMillisecond,
            < MicrosecondsBelow => value * TimeSpan.TicksPerMicrosecond,
            _ => value / TimeSpan.NanosecondsPerTick,
        };

        ticks = decimal.Floor(ticks) + DateTimeOffset.UnixEpoch.Ticks;
        if (ticks > DateTimeOffset.MaxValue.Ticks)
        {
            return false;
        }

        moment = new DateTimeOffset((long)ticks, TimeSpan.Zero);
        return true;
    }

    private static bool TryParseCalendar(ReadOnlySpan<byte> text, TimeZoneInfo zone, out DateTimeOffset moment)
    {
        // 0123456789012345678
        // 2025-11-24T06:00:04
        moment = default;
        if (text.Length < 19 || text[4] != '-' || text[7] != '-' || text[10] is not ((byte)'T' or (byte)'t' or (byte)' ')
            || text[13] != ':' || text[16] != ':'
            || !TryDigits(text[..4], out var year) || !TryDigits(text[5..7], out var month) || !TryDigits(text[8..10], out var day)
            || !TryDigits(text[11..13], out var hour) || !TryDigits(text[14..16], out var minute) || !TryDigits(text[17..19], out var second)
            || year is 0 || month is 0 or > 12 || day is 0 || day > DateTime.DaysInMonth(year, month)
            || hour > 23 || minute > 59 || second > 60)
        {
            return false;
        }

        var rest = text[19..];
        if (!TryTakeFraction(ref rest, out var fraction))
        {
            return false;
        }

        // Second 60 is a leap second: the first moment of the next minute.
        var local = new DateTime(year, month, day, hour, minute, 0, DateTimeKind.Unspecified).Ticks + (second * TimeSpan.TicksPerSecond) + fraction;
        if (local > DateTime.MaxValue.Ticks)
        {
            return false;
        }

        rest = rest.TrimStart((byte)' ');
        long offset;
        if (rest.IsEmpty)
        {
            offset = zone.GetUtcOffset(new DateTime(local, DateTimeKind.Unspecified)).Ticks;
        }
        else if (!TryParseOffset(rest, out offset))
        {
            return false;
        }

        var utc = local - offset;
        if (utc < DateTime.MinValue.Ticks || utc > DateTime.MaxValue.Ticks)
        {
            return false;
        }

        moment = new DateTimeOffset(utc, TimeSpan.Zero);
        return true;
    }

    /// <summary>Digits beyond 100 ns are cut off, so that a moment never moves into the next window.</summary>
    private static bool TryTakeFraction(ref ReadOnlySpan<byte> rest, out long ticks)
    {
        ticks = 0;
        if (rest.IsEmpty || rest[0] is not ((byte)'.' or (byte)','))
        {
            return true;
        }

        var unit = TimeSpan.TicksPerSecond / 10;
        var i = 1;
        for (; i < rest.Length && rest[i] is >= (byte)'0' and <= (byte)'9'; i++)
        {
            ticks += (rest[i] - '0') * unit;
            unit /= 10;
        }

        rest = rest[i..];
        return i > 1;
    }

    private static bool TryParseOffset(ReadOnlySpan<byte> text, out long ticks)
    {
        ticks = 0;
        if (text.Length == 1 && text[0] is (byte)'Z' or (byte)'z')
        {
            return true;
        }

        if (text[0] is not ((byte)'+' or (byte)'-'))
        {
            return false;
        }

        var digits = text[1..];
        var minutes = 0;
        var parsed = digits.Length switch
        {
            2 => TryDigits(digits, out var hours) && Within(hours, minutes, out ticks),
            4 => TryDigits(digits[..2], out var hours) && TryDigits(digits[2..], out minutes) && Within(hours, minutes, out ticks),
            5 => digits[2] == ':' && TryDigits(digits[..2], out var hours) && TryDigits(digits[3..], out minutes) && Within(hours, minutes, out ticks),
            _ => false,
        };

        ticks = text[0] == '-' ? -ticks : ticks;
        return parsed;
    }

    private static bool Within(int hours, int minutes, out long ticks)
    {
        ticks = (hours * TimeSpan.TicksPerHour) + (minutes * TimeSpan.TicksPerMinute);
        return hours <= 23 && minutes <= 59;
    }

    private static bool TryDigits(ReadOnlySpan<byte> text, out int value)
    {
        value = 0;
        foreach (var digit in text)
        {
            if (digit is < (byte)'0' or > (byte)'9')
            {
                return false;
            }

            value = (value * 10) + (digit - '0');
        }

        return true;
    }
}
