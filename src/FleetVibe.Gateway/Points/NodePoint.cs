using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Gateway.Points;

/// <summary>
/// Renders a point that a node sent. What cannot be a point of that node is refused: a node writes under its own host tag only,
/// so that no other node's point is overwritten and revisions of one point come from one spool line of descent.
/// </summary>
internal static class NodePoint
{
    private const int MostFields = 256;
    private const int LongestLine = 256 * 1024;

    /// <summary>The line, or null and a reason.</summary>
    /// <param name="integerCompat">Writes response_time_ms and gpu_util_percent of vibe_model as integers.</param>
    internal static PointLine? Render(Point point, string node, bool integerCompat, out string? fault)
    {
        fault = FaultOf(point, node);
        if (fault is not null)
        {
            return null;
        }

        var rounds = integerCompat && point.Measurement == "vibe_model";
        var line = PointLine.Write(point.Measurement, point.TimestampNs, writer => PointMapper.WriteContent(point, writer, rounds));
        if (line is null || line.Line.Length > LongestLine)
        {
            fault = line is null ? "no field is left of it" : "its line is too long";
            return null;
        }

        return line;
    }

    private static string? FaultOf(Point point, string node)
    {
        if (!point.Measurement.StartsWith("vibe_", StringComparison.Ordinal)
            || point.Measurement.StartsWith(FleetPoint.Measurement + "_", StringComparison.Ordinal)
            || point.Measurement == FleetPoint.Measurement)
        {
            return "its measurement is not one of a node";
        }

        if (!point.Tags.Any(t => t.Key == "host" && t.Value == node))
        {
            return "its host tag is not the node's name";
        }

        if (point.Fields.Count is 0 or > MostFields)
        {
            return "it has no field or too many";
        }

        if (point.TimestampNs <= 0)
        {
            return "it has no timestamp";
        }

        return point.Tags.Select(t => t.Key).Distinct(StringComparer.Ordinal).Count() != point.Tags.Count
            || point.Fields.Select(f => f.Key).Distinct(StringComparer.Ordinal).Count() != point.Fields.Count
            ? "a tag or field is named twice"
            : null;
    }
}
