using System.Buffers;
using FleetVibe.Agent.Spool;
using FleetVibe.Metrics.LineProtocol;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Printing;

/// <summary>Records as they are printed together, and what is forgotten once they are.</summary>
/// <param name="Lines">Line protocol; of a point with several revisions only the last.</param>
/// <param name="Refused">Requests that no point shows: their window is in the future, or too old to be known whole.</param>
internal sealed record PrintedPage(ReadOnlyMemory<byte> Lines, IReadOnlyList<SequenceRange> Sequences, IReadOnlyList<RefusedPart> Refused)
{
    private static readonly TimeSpan FutureLimit = TimeSpan.FromMinutes(5);

    /// <param name="records">In the order of their windows and revisions.</param>
    /// <param name="now">Corrected time.</param>
    internal static PrintedPage Of(OfferedRecords records, DateTimeOffset now)
    {
        // Printed again after a crash, a page must not bring an older revision after a newer one.
        var last = new Dictionary<Point, Point>();
        foreach (var point in records.Records.SelectMany(record => record.Content.Points))
        {
            last[KeyOf(point)] = point;
        }

        var buffer = new ArrayBufferWriter<byte>();
        var writer = new LineProtocolWriter(buffer);
        foreach (var point in last.Values)
        {
            PointMapper.Write(point, writer);
        }

        return new PrintedPage(
            buffer.WrittenMemory,
            [.. records.Records.Select(record => new SequenceRange { First = record.Seq, Last = record.Seq })],
            [.. records.Records.Where(record => record.Content.Points.Count == 0).Select(record => Refuse(record.Seq, record.Content, now))]);
    }

    private static RefusedPart Refuse(ulong seq, RecordContent content, DateTimeOffset now) => new()
    {
        Seq = seq,
        Requests = long.MaxValue, // all that it has
        Fate = DateTimeOffset.FromUnixTimeSeconds(content.WindowStart) > now + FutureLimit ? Fate.Future : Fate.Late,
    };

    private static Point KeyOf(Point point) => new() { Measurement = point.Measurement, TimestampNs = point.TimestampNs, Tags = { point.Tags } };
}
