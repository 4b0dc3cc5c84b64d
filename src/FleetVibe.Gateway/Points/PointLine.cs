using System.Buffers;
using System.Globalization;
using System.Text;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Gateway.Points;

/// <summary>A point as it goes out: one line of line protocol without its line break.</summary>
/// <param name="Key">Measurement, tags and timestamp: what InfluxDB overwrites by.</param>
/// <param name="WindowStart">Unix seconds, the timestamp rounded down.</param>
internal sealed record PointLine(string Key, long WindowStart, string Line)
{
    /// <summary>Writes one point. Null where nothing is left of it.</summary>
    internal static PointLine? Write(string measurement, long timestampNs, Action<LineProtocolWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        var writer = new LineProtocolWriter(buffer);
        writer.BeginPoint(measurement);
        write(writer);
        if (!writer.EndPoint(timestampNs))
        {
            return null;
        }

        var line = Encoding.UTF8.GetString(buffer.WrittenSpan[..^1]);
        var name = line.AsSpan(0, EndOfName(line));
        return new PointLine(
            string.Create(CultureInfo.InvariantCulture, $"{name} {timestampNs}"), (long)Math.Floor(timestampNs / 1e9), line);
    }

    // The first space without a backslash before it; a tag value never ends in one.
    private static int EndOfName(string line)
    {
        var at = line.IndexOf(' ', StringComparison.Ordinal);
        while (line[at - 1] == '\\')
        {
            at = line.IndexOf(' ', at + 1);
        }

        return at;
    }
}
