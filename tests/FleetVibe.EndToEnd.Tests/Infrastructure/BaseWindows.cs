using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>The 10 s windows of vibe_fleet at the stand-in for Telegraf; the larger ones hold the same requests once more.</summary>
internal static class BaseWindows
{
    public static IEnumerable<StoredPoint> Windows(this SimulatedTelegraf telegraf) => telegraf.Points("vibe_fleet").Where(IsBase);

    public static long FleetSum(this SimulatedTelegraf telegraf, string field, Func<StoredPoint, bool>? where = null) =>
        telegraf.Sum("vibe_fleet", field, p => IsBase(p) && where?.Invoke(p) != false);

    private static bool IsBase(StoredPoint point) => point.Tags["window"] == "10s";
}
