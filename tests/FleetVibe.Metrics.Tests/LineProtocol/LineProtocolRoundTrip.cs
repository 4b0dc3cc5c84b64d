using System.Buffers;
using System.Text;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Metrics.Tests.LineProtocol;

internal static class LineProtocolRoundTrip
{
    /// <summary>Writes a point that was read and reads it again: everything that the writer leaves as it is must come back.</summary>
    internal static void Check(ParsedPoint point)
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new LineProtocolWriter(output);
        writer.BeginPoint(point.Measurement);
        foreach (var (key, value) in point.Tags)
        {
            writer.Tag(key, value);
        }

        var written = 0;
        foreach (var (key, value) in point.Fields)
        {
            written += Write(writer, key, value) ? 1 : 0;
        }

        Assert.Equal(written > 0, writer.EndPoint(point.TimestampNs ?? 0));
        var result = LineProtocolReader.Read(output.WrittenSpan);
        Assert.True(result.Errors.Count == 0, $"{string.Join(' ', result.Errors)} out of {point}");
        if (written == 0)
        {
            return;
        }

        var again = Assert.Single(result.Points);
        Assert.Equal(point.TimestampNs ?? 0, again.TimestampNs);
        Assert.True(again.Tags.SequenceEqual(again.Tags.OrderBy(t => t.Key, Comparer<string>.Create(
            (a, b) => Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b))))));
        if (IsPlain(point.Measurement) && point.Tags.All(t => IsPlain(t.Key) && IsPlain(t.Value)) && point.Fields.All(f => IsPlain(f.Key) && f.Value.Kind != FieldKind.Unsigned))
        {
            Assert.Equal(point.Measurement, again.Measurement);
            Assert.Equal(point.Tags, again.Tags);
            Assert.Equal(point.Fields.Select(f => f.Key), again.Fields.Select(f => f.Key));
            Assert.Equal(point.Fields.Select(f => Cleaned(f.Value)), again.Fields.Select(f => f.Value));
        }
    }

    private static bool Write(LineProtocolWriter writer, string key, FieldValue value)
    {
        switch (value.Kind)
        {
            case FieldKind.Float:
                writer.Field(key, value.Float);
                break;
            case FieldKind.Integer:
                writer.Field(key, value.Integer);
                break;
            case FieldKind.Boolean:
                writer.Field(key, value.Boolean);
                break;
            case FieldKind.Text:
                writer.Field(key, value.Text);
                break;
            default:
                return false;
        }

        return true;
    }

    // Backslashes are what the writer may have to give up, and a leading # what it must.
    private static bool IsPlain(string name) => !name.Contains('\\', StringComparison.Ordinal) && !name.StartsWith('#');

    private static FieldValue Cleaned(FieldValue value) => value.Kind != FieldKind.Text
        ? value
        : FieldValue.Of(string.Concat(value.Text!.Select(c => c is '\n' or '\r' ? ' ' : c is < ' ' or '\u007f' ? '_' : c)));
}
