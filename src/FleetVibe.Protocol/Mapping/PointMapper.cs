using FleetVibe.Metrics.LineProtocol;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Protocol.Mapping;

/// <summary>Points of a node to line protocol.</summary>
public static class PointMapper
{
    /// <summary>Writes a point. False, and nothing written, where nothing is left of it.</summary>
    public static bool Write(Point point, LineProtocolWriter writer)
    {
        writer.BeginPoint(point.Measurement);
        WriteContent(point, writer, rounds: false);
        return writer.EndPoint(point.TimestampNs);
    }

    /// <summary>Writes the tags and fields of a point that was begun.</summary>
    /// <param name="rounds">Writes response_time_ms and gpu_util_percent as integers.</param>
    public static void WriteContent(Point point, LineProtocolWriter writer, bool rounds)
    {
        foreach (var tag in point.Tags)
        {
            writer.Tag(tag.Key, tag.Value);
        }

        foreach (var field in point.Fields)
        {
            switch (field.ValueCase)
            {
                case Field.ValueOneofCase.Float when rounds && field.Key is "response_time_ms" or "gpu_util_percent" && double.IsFinite(field.Float):
                    writer.Field(field.Key, (long)Math.Round(Math.Clamp(field.Float, -1e15, 1e15), MidpointRounding.AwayFromZero));
                    break;
                case Field.ValueOneofCase.Float:
                    writer.Field(field.Key, field.Float);
                    break;
                case Field.ValueOneofCase.Integer:
                    writer.Field(field.Key, field.Integer);
                    break;
                case Field.ValueOneofCase.Boolean:
                    writer.Field(field.Key, field.Boolean);
                    break;
                case Field.ValueOneofCase.Text:
                    writer.Field(field.Key, field.Text);
                    break;
                default:
                    break;
            }
        }
    }
}
