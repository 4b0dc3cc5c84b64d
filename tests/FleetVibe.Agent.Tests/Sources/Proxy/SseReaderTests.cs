using System.Net.ServerSentEvents;
using System.Text;
using CsCheck;
using FleetVibe.Agent.Sources.Proxy;

namespace FleetVibe.Agent.Tests.Sources.Proxy;

public class SseReaderTests
{
    private static readonly Gen<string> Lines = Gen.OneOf(
        "data: {\"a\":1}", "data:x", "data", "data:", "data:  two", "", "", "", ": comment", "event: done", "id:7", "retry: 1", "datax: no", "dat", "other: data: x", "data: ü☃");

    [Fact]
    public void It_finds_the_events_of_the_reference_wherever_the_bytes_are_cut() =>
        Gen.Select(Lines.Array[0, 20], Gen.OneOf("\n", "\r\n", "\r"), Gen.Int[1, 5], Gen.Bool).Sample((lines, newline, step, mark) =>
        {
            var bytes = Encoding.UTF8.GetBytes((mark ? "\uFEFF" : "") + string.Join(newline, lines) + newline + newline);
            var expected = SseParser.Create(new MemoryStream(bytes)).Enumerate().Select(item => item.Data).ToList();

            Assert.Equal(expected, Events(bytes, bytes.Length));
            Assert.Equal(expected, Events(bytes, step));
        });

    [Fact]
    public void The_last_event_counts_without_a_blank_line() =>
        Assert.Equal(["a\nb"], Events("data: a\ndata: b"u8.ToArray(), 2));

    [Fact]
    public void An_error_line_is_told() => Assert.Equal(["!error"], Events("error: {\"code\":500}\n\n"u8.ToArray(), 1));

    private static List<string> Events(byte[] bytes, int step)
    {
        var sink = new Sink();
        var reader = new SseReader(sink);
        for (var at = 0; at < bytes.Length; at += step)
        {
            reader.Feed(bytes.AsSpan(at, Math.Min(step, bytes.Length - at)));
        }

        reader.Complete();
        return sink.Events;
    }

    private sealed class Sink : ISseSink
    {
        private readonly List<byte> _data = [];

        public List<string> Events { get; } = [];

        public void OnData(ReadOnlySpan<byte> piece) => _data.AddRange(piece);

        public void OnErrorLine() => Events.Add("!error");

        public void OnEvent()
        {
            Events.Add(Encoding.UTF8.GetString([.. _data]));
            _data.Clear();
        }
    }
}
