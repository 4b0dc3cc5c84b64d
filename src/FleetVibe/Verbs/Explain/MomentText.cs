using System.Globalization;

namespace FleetVibe.Verbs.Explain;

/// <summary>A moment as people write it: RFC 3339 (without a zone it is UTC), or unix seconds.</summary>
internal static class MomentText
{
    // 1e11 seconds are the year 5138: what is larger are milliseconds.
    private const long TooLarge = 100_000_000_000;

    private static readonly string[] Formats = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd' 'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mmK"];

    public static bool TryParse(string text, out DateTimeOffset moment)
    {
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
        {
            moment = seconds is > 0 and < TooLarge ? DateTimeOffset.FromUnixTimeSeconds(seconds) : default;
            return seconds is > 0 and < TooLarge;
        }

        return DateTimeOffset.TryParseExact(text, Formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out moment)
            && moment > DateTimeOffset.UnixEpoch;
    }
}
