using FleetVibe.Metrics.Windows;

namespace FleetVibe.Gateway.Points;

/// <summary>Something that users must know of, as an annotation for Grafana. One of a kind a host and window.</summary>
internal static class EventPoint
{
    internal const string CommitsLost = "commits_lost";

    /// <summary>The <c>host</c> of what belongs to no one node.</summary>
    internal const string FleetHost = "fleet";

    internal static PointLine Render(string host, string kind, string text, DateTimeOffset now) =>
        PointLine.Write("vibe_event", WindowClock.StartOf(now) * 1_000_000_000, writer =>
        {
            writer.Tag("host", host);
            writer.Tag("kind", kind);
            writer.Field("text", text);
            writer.Field("severity", "critical");
        })!;
}
