using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;

namespace FleetVibe.Aggregator.Series;

/// <summary>One window of a series.</summary>
/// <param name="Level">Above 10 s it holds only what agents coalesced: nobody is waited for there, and it has no point of its own.</param>
/// <param name="Start">Unix seconds.</param>
internal readonly record struct WindowId(WindowLevel Level, long Start)
{
    public bool IsBase => Level == WindowLevel._10S;

    public DateTimeOffset End => WindowLevels.EndOf(Level, Start);

    public static WindowId Base(long start) => new(WindowLevel._10S, start);

    public static WindowId FromWire(WindowKey key) => new(key.Level, key.Start);

    public WindowKey ToWire(SeriesKey series) => new() { Series = series, Level = Level, Start = Start };
}
