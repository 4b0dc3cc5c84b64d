using FleetVibe.Protocol.V1;

namespace FleetVibe.Verbs.Explain;

/// <summary>A window's length as the <c>window</c> tag of points has it.</summary>
internal static class LevelText
{
    public static bool TryParse(string text, out WindowLevel level)
    {
        (var known, level) = text switch
        {
            "10s" => (true, WindowLevel._10S),
            "1m" => (true, WindowLevel._1M),
            "5m" => (true, WindowLevel._5M),
            "1h" => (true, WindowLevel._1H),
            _ => (false, default),
        };
        return known;
    }

    public static string Of(WindowLevel level) => level switch
    {
        WindowLevel._1M => "1m",
        WindowLevel._5M => "5m",
        WindowLevel._1H => "1h",
        _ => "10s",
    };
}
