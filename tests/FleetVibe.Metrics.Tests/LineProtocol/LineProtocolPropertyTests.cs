using System.Buffers;
using CsCheck;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Metrics.Tests.LineProtocol;

public class LineProtocolPropertyTests
{
    // Every character that means something, a lone surrogate, a pair, and letters.
    private static readonly string[] Pieces =
    [
        "\\", "\"", ",", "=", " ", "#", "\n", "\r", "\t", "\0", "\u007f", "\ud800", "\U0001F600", "\u00a0", "\ufeff", "é", "a", "b", "i", "1", "{", "}",
    ];

    private static readonly Gen<string> Text = Gen.Int[0, Pieces.Length - 1].Array[0, 8].Select(picks => string.Concat(picks.Select(p => Pieces[p])));

    [Fact]
    public void Any_text_makes_a_line_that_reads_as_one_point() => Gen.Select(Text, Text.Array[0, 6], Text, Text).Sample(
        (measurement, tags, key, value) =>
        {
            var output = new ArrayBufferWriter<byte>();
            var writer = new LineProtocolWriter(output);
            writer.BeginPoint(measurement);
            for (var i = 0; i + 1 < tags.Length; i += 2)
            {
                writer.Tag(tags[i], tags[i + 1]);
            }

            writer.Field(key, value);
            writer.Field("n", 1);
            var written = writer.EndPoint(7);

            Assert.Equal(measurement.Trim('\\').Length > 0, written);
            var result = LineProtocolReader.Read(output.WrittenSpan);
            Assert.Empty(result.Errors);
            Assert.Equal(written ? 1 : 0, result.Points.Count);
            if (written)
            {
                var point = result.Points[0];
                Assert.Equal(7, point.TimestampNs);
                Assert.Equal(FieldValue.Of(1L), point.Fields.Single(f => f.Key == "n").Value);
                Assert.True(point.Tags.Count <= tags.Length / 2);
            }
        },
        iter: 20_000);

    [Fact]
    public void Any_number_reads_back_as_itself() => Gen.Select(Gen.Double, Gen.Long).Sample(
        (number, integer) =>
        {
            var output = new ArrayBufferWriter<byte>();
            var writer = new LineProtocolWriter(output);
            writer.BeginPoint("m");
            writer.Field("d", number);
            writer.Field("i", integer);
            Assert.True(writer.EndPoint(integer));

            var point = Assert.Single(LineProtocolReader.Read(output.WrittenSpan).Points);
            Assert.Equal(integer, point.Fields[^1].Value.Integer);
            Assert.Equal(integer, point.TimestampNs);
            if (double.IsFinite(number))
            {
                Assert.Equal(BitConverter.DoubleToInt64Bits(number), BitConverter.DoubleToInt64Bits(point.Fields[0].Value.Float));
            }
            else
            {
                Assert.Single(point.Fields);
                Assert.Equal(1, writer.SkippedFields);
            }
        },
        iter: 20_000);
}
