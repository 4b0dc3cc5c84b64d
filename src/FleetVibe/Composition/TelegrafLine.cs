using Microsoft.Extensions.Logging;

namespace FleetVibe.Composition;

/// <summary>
/// A line of standard error as Telegraf's inputs.execd takes it: a letter for the level, an exclamation mark, a blank. One line of
/// 64 KiB or more would end its reading for good.
/// </summary>
internal static class TelegrafLine
{
    /// <summary>In characters; at most four bytes each.</summary>
    internal const int Longest = 8 * 1024;

    public static string Of(LogLevel level, string text)
    {
        var line = text.ReplaceLineEndings(" ");
        return $"{Letter(level)}! {(line.Length > Longest ? line[..Longest] + "..." : line)}";
    }

    private static char Letter(LogLevel level) => level switch
    {
        LogLevel.Critical or LogLevel.Error => 'E',
        LogLevel.Warning => 'W',
        LogLevel.Information => 'I',
        _ => 'D',
    };
}
