using System.Buffers;
using System.Buffers.Text;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>
/// Reads the moment a log line was written for: RFC 3339 with any fraction and offset, Python's
/// <c>2025-11-24 06:00:04,123</c>, GIN's <c>2025/11/24 - 06:00:01</c>, nginx's <c>24/Nov/2025:06:00:01 +0000</c>, or unix time
/// in s, ms, us or ns, told apart by magnitude. Only moments of the years 1970 to 2099.
/// </summary>
internal static class LogTimestamp
{
    /// <summary>The forms that are known, for a message that none of them fits.</summary>
    public const string KnownForms =
        "2025-11-24T06:00:04.123Z with any fraction and offset, 2025-11-24 06:00:04,123, 2025/11/24 - 06:00:04, 24/Nov/2025:06:00:04 +0000, unix time in s, ms, us or ns; of the years 1970 to 2099";

    // Up to here a number is in that unit: seconds until the year 5138, the others alike.
    private const decimal SecondsBelow = 100_000_000_000m;
    private const decimal MillisecondsBelow = SecondsBelow * 1000m;
    private const decimal MicrosecondsBelow = MillisecondsBelow * 1000m;

    private static ReadOnlySpan<byte> Months => "Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec"u8;

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
        return WindowClock.Covers(moment);
    }

    /// <summary>vLLM's <c>11-24 06:00:04</c>, with anything behind it: in the year that brings it nearest to now.</summary>
    public static bool TryParseWithoutYear(ReadOnlySpan<byte> text, TimeZoneInfo zone, DateTimeOffset now, out DateTimeOffset moment)
    {
        moment = default;
        if (text.Length < 14 || text[2] != '-' || text[5] != ' ')
        {
            return false;
        }

        Span<byte> dated = stackalloc byte[19];
        text[..14].CopyTo(dated[5..]);
        dated[4] = (byte)'-';
        var found = false;
        for (var year = now.Year - 1; year <= now.Year + 1; year++)
        {
            if (Utf8Formatter.TryFormat(year, dated[..4], out _, new StandardFormat('D', 4)) && TryParseCalendar(dated, zone, out var candidate)
                && (!found || (candidate - now).Duration() < (moment - now).Duration()))
            {
                (moment, found) = (candidate, true);
            }
        }

        return found;
    }

    /// <summary>A date and a time of day; no number.</summary>
    public static bool TryParseCalendar(ReadOnlySpan<byte> text, TimeZoneInfo zone, out DateTimeOffset moment)
    {
        moment = default;
        if (!TryTakeDate(text, out var year, out var month, out var day, out var clock) || clock.Length < 8 || clock[2] != ':' || clock[5] != ':'
            || !TryDigits(clock[..2], out var hour) || !TryDigits(clock[3..5], out var minute) || !TryDigits(clock[6..8], out var second)
            || year is 0 || month is 0 or > 12 || day is 0 || day > DateTime.DaysInMonth(year, month)
            || hour > 23 || minute > 59 || second > 60)
        {
            return false;
        }

        var rest = clock[8..];
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
        return WindowClock.Covers(moment);
    }

    private static bool TryTakeDate(ReadOnlySpan<byte> text, out int year, out int month, out int day, out ReadOnlySpan<byte> clock)
    {
        (year, month, day) = (0, 0, 0);
        clock = default;
        if (text.Length < 19)
        {
            return false;
        }

        if (text[2] == '/')
        {
            // 012345678901
            // 24/Nov/2025:06:00:04
            var at = Months.IndexOf(text[3..6]);
            month = (at / 4) + 1;
            clock = text[12..];
            return text[6] == '/' && text[11] == ':' && at >= 0 && at % 4 == 0 && TryDigits(text[..2], out day) && TryDigits(text[7..11], out year);
        }

        // 01234567890123
        // 2025-11-24T06:00:04
        // 2025/11/24 - 06:00:04
        var isSlashed = text[4] == '/' && text[7] == '/';
        if ((!isSlashed && (text[4] != '-' || text[7] != '-')) || text[10] is not ((byte)'T' or (byte)'t' or (byte)' '))
        {
            return false;
        }

        clock = isSlashed && text[11..].StartsWith("- "u8) ? text[13..] : text[11..];
        return TryDigits(text[..4], out year) && TryDigits(text[5..7], out month) && TryDigits(text[8..10], out day);
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
