using System.Text;
using CsCheck;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog.Envelopes;

namespace FleetVibe.Agent.Tests.Sources.JsonLog.Envelopes;

public sealed class EnvelopeTests
{
    [Fact]
    public void Docker_records_are_joined_per_stream_until_one_ends_with_a_newline() => Assert.Equal(
        ["one@1", "error@2", "three@5", ""],
        Read(
            LogEnvelope.Docker,
            """{"log":"one\n","stream":"stdout","time":"2025-11-24T06:00:01.5Z"}""",
            """{"log":"th","stream":"stdout","time":"2025-11-24T06:00:01.5Z"}""",
            """{"log":"error\n","stream":"stderr","attrs":{"a":["log"]},"time":"2025-11-24T06:00:02Z"}""",
            """{"log":"ree\n","stream":"stdout","time":"2025-11-24T06:00:05.999Z"}""",
            """{"log":"\n","stream":"stdout"}"""));

    [Fact]
    public void CRI_records_are_joined_per_stream_until_one_is_marked_F() => Assert.Equal(
        ["1b. some multiline log@2", "1a. some multiline log@3", "@4", "tagged@5"],
        Read(
            LogEnvelope.Cri,
            "2025-11-24T06:00:01.904275087+00:00 stdout P 1a. some ",
            "2025-11-24T06:00:01.904275087+00:00 stderr P 1b. some ",
            "2025-11-24T06:00:01.904275087+00:00 stdout P multiline ",
            "2025-11-24T06:00:02.904275087+00:00 stderr F multiline log",
            "2025-11-24T07:00:03.904275087+01:00 stdout F log",
            "2025-11-24T06:00:04Z stdout F",
            "2025-11-24T06:00:05Z stdout F:a:b tagged"));

    [Theory]
    [InlineData("""{"timestamp":1763964000}""")]
    [InlineData("""{"log":"of a service\n"}""")]
    [InlineData("""{"log":"of a service","stream":"stdout"}""")]
    [InlineData("""{"log":7,"stream":"stdout","time":"2025-11-24T06:00:01Z"}""")]
    [InlineData("""{"log":"a\n","stream":"stdout","time":"noon"}""")]
    [InlineData("""{"log":"a\n","stream":"stdout","time":"2025-11-24T06:00:01Z"}}""")]
    [InlineData("2025-11-24T06:00:01Z stdin F a")]
    [InlineData("2025-11-24T06:00:01Z stdout X a")]
    [InlineData("2025-11-24T06:00:01Z stdout Final a")]
    [InlineData("7 stdout F a")]
    [InlineData("")]
    public void A_line_that_shows_no_envelope_stands_for_itself(string line)
    {
        Assert.True(new EnvelopeReader(LogEnvelope.Auto).TryRead(Encoding.UTF8.GetBytes(line), out var record));
        Assert.Equal((line, null, 0, false), (Encoding.UTF8.GetString(record.Text), record.Written, record.Stream, record.IsPartial));
    }

    [Theory]
    [InlineData(LogEnvelope.Docker, "plain")]
    [InlineData(LogEnvelope.Docker, """{"stream":"stdout"}""")]
    [InlineData(LogEnvelope.Docker, """{"log":"\ud800"}""")]
    [InlineData(LogEnvelope.Cri, "plain")]
    [InlineData(LogEnvelope.Cri, """{"log":"one\n","stream":"stdout","time":"2025-11-24T06:00:01.5Z"}""")]
    public void A_line_without_the_configured_envelope_is_refused(LogEnvelope envelope, string line) =>
        Assert.False(new EnvelopeReader(envelope).TryRead(Encoding.UTF8.GetBytes(line), out _));

    [Fact]
    public void A_line_of_many_pieces_is_bounded_and_counted_once()
    {
        var lines = new LineAssembler(10);
        Assembled Take(string text, bool isPartial, int stream = 1) =>
            lines.Take(new EnvelopeRecord { Text = Encoding.UTF8.GetBytes(text), Stream = stream, IsPartial = isPartial }, 0, out _);

        Assert.Equal(Assembled.Waiting, Take("123456", true));
        Assert.Equal(Assembled.TooLong, Take("78901", true));
        Assert.Equal(Assembled.Whole, Take("other", false, stream: 2));
        Assert.Equal(Assembled.Swallowed, Take("2345678901234567", true));
        Assert.Equal(Assembled.Swallowed, Take("end", false));
        Assert.Null(lines.WaitingFrom);
        Assert.Equal(Assembled.Waiting, Take("1234567", true));
        Assert.Equal(Assembled.Whole, Take("890", false));
    }

    [Fact]
    public void Of_lines_that_are_given_up_those_too_long_were_counted_before()
    {
        var lines = new LineAssembler(10);
        lines.Take(new EnvelopeRecord { Text = "123456"u8, Stream = 1, IsPartial = true }, 0, out _);
        lines.Take(new EnvelopeRecord { Text = "12345678901"u8, Stream = 2, IsPartial = true }, 20, out _);
        Assert.Equal(0, lines.WaitingFrom);
        Assert.Equal(1, lines.DropBefore(100));
        Assert.Null(lines.WaitingFrom);
    }

    [Fact]
    public void However_streams_are_cut_and_mixed_each_line_comes_out_once() =>
        Gen.Select(Gen.Int[1, 2], Gen.String[Gen.Char["ab\\\"é"], 0, 12], Gen.Int[1, 5]).Array[0, 20].Sample(lines =>
        {
            // Each line in pieces; of the two streams each keeps its order.
            var random = new Random(lines.Length);
            var queues = lines.GroupBy(line => line.Item1).Select(stream => new Queue<(int Stream, string Text, bool IsLast)>(stream.SelectMany(line =>
            {
                var pieces = line.Item2.Chunk(line.Item3).Select(piece => new string(piece)).DefaultIfEmpty("").ToList();
                return pieces.Select((piece, i) => (line.Item1, piece, i == pieces.Count - 1));
            }))).ToList();
            var records = new List<string>();
            while (queues.RemoveAll(queue => queue.Count == 0) >= 0 && queues.Count > 0)
            {
                var (stream, text, isLast) = queues[random.Next(queues.Count)].Dequeue();
                records.Add(System.Text.Json.JsonSerializer.Serialize(new { log = text + (isLast ? "\n" : ""), stream = stream == 1 ? "stdout" : "stderr", time = "2025-11-24T06:00:00Z" }));
            }

            Assert.Equal(lines.Select(line => line.Item2).Order(StringComparer.Ordinal), Read(LogEnvelope.Auto, [.. records]).Select(line => line.Split('@')[0]).Order(StringComparer.Ordinal));
        }, iter: 500, threads: 1);

    private static List<string> Read(LogEnvelope envelope, params string[] records)
    {
        var reader = new EnvelopeReader(envelope);
        var lines = new LineAssembler(1 << 20);
        var whole = new List<string>();
        for (var i = 0; i < records.Length; i++)
        {
            Assert.True(reader.TryRead(Encoding.UTF8.GetBytes(records[i]), out var record));
            if (lines.Take(record, i, out var line) == Assembled.Whole)
            {
                whole.Add(Encoding.UTF8.GetString(line) + (record.Written is { } at ? $"@{at.Second}" : ""));
            }
        }

        return whole;
    }
}
