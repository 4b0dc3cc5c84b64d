using FleetVibe.Agent.Sources;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Points;

/// <summary>Points of what happened once on this node, for annotations.</summary>
internal static class EventPoints
{
    internal const string Measurement = "vibe_event";
    internal const string ClockSkew = "clock_skew";
    internal const string SpoolLost = "spool_lost";
    internal const string SpoolDropped = "spool_dropped";
    internal const string SourcesChanged = "sources_changed";
    internal const string ConfigRefused = "config_refused";
    internal const string DiscoveryFailed = "discovery_failed";
    internal const string Info = "info";
    internal const string Warning = "warning";
    internal const string Error = "error";

    private const long NanosecondsPerTick = 100;

    internal static string NameOf(EventSeverity severity) => severity switch
    {
        EventSeverity.Info => Info,
        EventSeverity.Warning => Warning,
        EventSeverity.Error => Error,
        _ => throw new ArgumentOutOfRangeException(nameof(severity), severity, null),
    };

    /// <param name="at">When it happened, by the corrected clock.</param>
    internal static Point Of(string node, string kind, string severity, string text, DateTimeOffset at) => new()
    {
        Measurement = Measurement,
        TimestampNs = (at.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * NanosecondsPerTick,
        Tags = { new Tag { Key = "host", Value = node.ReplaceLineEndings(" ") }, new Tag { Key = "kind", Value = kind } },
        Fields =
        {
            new Field { Key = "text", Text = text.ReplaceLineEndings(" ") },
            new Field { Key = "severity", Text = severity },
        },
    };
}
