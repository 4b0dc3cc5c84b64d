using System.Globalization;

namespace FleetVibe.Chaos.Oracle;

/// <summary>A length of windows, as the tag <c>window</c> names it.</summary>
internal sealed record WindowLevel(string Name, int Seconds)
{
    public static WindowLevel Base { get; } = new("10s", 10);

    /// <summary>Roll-ups, each made of the one before.</summary>
    public static IReadOnlyList<WindowLevel> RollUps { get; } = [new("1m", 60), new("5m", 300), new("1h", 3600)];

    public static IReadOnlyList<WindowLevel> All { get; } = [Base, .. RollUps];

    public long StartOf(long unixSeconds) => unixSeconds - (((unixSeconds % Seconds) + Seconds) % Seconds);

    public string Describe(string model, long start) => string.Create(
        CultureInfo.InvariantCulture, $"{model} {Name} {DateTimeOffset.FromUnixTimeSeconds(start).UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}");
}
