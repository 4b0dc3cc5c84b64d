using System.Text;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.LineProtocol;
using FleetVibe.Metrics.Tests.LineProtocol;

namespace FleetVibe.Metrics.Tests;

/// <summary>Damaged input never crashes a reader, never loops, and never costs more than it should.</summary>
public class FuzzTests
{
    private const int Inputs = 20_000;

    private static readonly string[] Lines =
    [
        "cpu,host=a value=1i 1\n", "m\\ x,a\\,b=c\\=d f=\"s \\\" \\\\ t\",g=-1.5e3,h=t,i=5u -42\r\n", "# comment\n", "\n", "vibe v=1",
        "c\u00fc,t=\u4e16 v=\"\u00e9\" 9223372036854775807\n", "x v=\"a\nb\" 1\n",
    ];

    private static readonly string[] Samples =
    [
        "# HELP x text\n# TYPE x histogram\n", "x_bucket{le=\"0.5\",m=\"a\\\\b\\\"c\\n\"} 1.0\n", "x_bucket{le=\"+Inf\"} 2 1700000000000\n",
        "x_sum 1e3 # {trace_id=\"a\"} 0.5 1.5\r\n", "x_count 2\n", "{\"q.name\",l=\"v\"} NaN\n", "x{quantile=\"0.5\"} -Inf\n", "# EOF\n",
        "ray_vllm:y_total{a=\"\u00fc\"} 12345678901234567890\n",
    ];

    private static readonly byte[] Alphabet = [.. "\\\"{}=,# \t\n\r0e+-.iutfN\u0000"u8, 0x7f, 0xff, 0xc3, 0xe2];

    [Fact]
    public void Damaged_line_protocol_is_read_or_refused()
    {
        var random = new Random(20_251_124);
        for (var i = 0; i < Inputs; i++)
        {
            var body = Damaged(Lines, random);
            var result = LineProtocolReader.Read(body);
            var before = 0;
            foreach (var range in result.Points.Select(p => p.Bytes).Concat(result.Errors.Select(e => e.Bytes)).OrderBy(r => r.Start.Value))
            {
                Assert.True(range.Start.Value >= before && range.End.Value > range.Start.Value, "ranges overlap");
                before = range.End.Value;
            }

            Assert.True(before <= body.Length);
            Assert.All(result.Errors, e => Assert.True(e.Column > 0 && e.Line <= body.Count((byte)'\n') + 1));
        }
    }

    [Fact]
    public void What_was_read_can_be_written_and_reads_the_same()
    {
        var random = new Random(7);
        var points = 0;
        for (var i = 0; i < Inputs; i++)
        {
            foreach (var point in LineProtocolReader.Read(Damaged(Lines, random)).Points)
            {
                points++;
                LineProtocolRoundTrip.Check(point);
            }
        }

        Assert.True(points > Inputs, $"only {points} points survived");
    }

    [Fact]
    public void A_damaged_exposition_is_read_or_skipped()
    {
        var random = new Random(20_251_125);
        var filter = new FamilyFilter("x", "vllm_y", "q.name");
        var samples = 0;
        for (var i = 0; i < Inputs; i++)
        {
            var body = Damaged(Samples, random);
            foreach (var used in new[] { filter, null })
            {
                var reader = new ExpositionReader(body, used);
                while (reader.Read())
                {
                    _ = reader.GetLabel("m"u8);
                    _ = reader.GetLabel("none"u8);
                }

                samples += reader.Samples;
                Assert.True(reader.Samples + reader.SkippedLines <= reader.LineNumber);
                Assert.True(reader.LineNumber <= body.Count((byte)'\n') + 1);
            }

            _ = ExpositionBody.Unquote(body);
        }

        Assert.True(samples > Inputs, $"only {samples} samples survived");
    }

    private static byte[] Damaged(string[] parts, Random random)
    {
        var text = new StringBuilder();
        for (var i = random.Next(1, 6); i > 0; i--)
        {
            text.Append(parts[random.Next(parts.Length)]);
        }

        var bytes = Encoding.UTF8.GetBytes(text.ToString()).ToList();
        for (var i = random.Next(0, 4); i > 0 && bytes.Count > 0; i--)
        {
            var at = random.Next(bytes.Count);
            var with = Alphabet[random.Next(Alphabet.Length)];
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = with;
                    break;
                case 1:
                    bytes.Insert(at, with);
                    break;
                case 2:
                    bytes.RemoveAt(at);
                    break;
                case 3:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    bytes[at] = (byte)random.Next(256);
                    break;
            }
        }

        return [.. bytes];
    }
}
