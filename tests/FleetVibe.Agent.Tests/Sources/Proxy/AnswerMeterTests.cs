using System.Text;
using CsCheck;
using FleetVibe.Agent.Sources.Proxy;

namespace FleetVibe.Agent.Tests.Sources.Proxy;

public class AnswerMeterTests
{
    public static TheoryData<string> Names() => [.. Answer.All.Select(answer => answer.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void It_measures_what_the_answer_says(string name)
    {
        var answer = Answer.All.Single(one => one.Name == name);

        Assert.Equal(answer.Expected, Measured(answer, PiecesByEvent(answer)));
    }

    [Fact]
    public void Cuts_at_any_byte_change_nothing_but_the_times() =>
        Gen.Select(Gen.OneOf(Answer.All.ToArray()), Gen.Int[1, 9].Array[1, 20]).Sample((answer, steps) =>
        {
            var bytes = Encoding.UTF8.GetBytes(answer.Body);
            var pieces = new List<byte[]>();
            for (int at = 0, turn = 0; at < bytes.Length; turn++)
            {
                var length = Math.Min(steps[turn % steps.Length], bytes.Length - at);
                pieces.Add(bytes[at..(at + length)]);
                at += length;
            }

            Assert.Equal(WithoutTimes(answer.Expected), WithoutTimes(Measured(answer, pieces)));
        });

    [Fact]
    public void Any_bytes_may_come() =>
        Gen.Select(Gen.Enum<AnswerFraming>(), Gen.OneOf<byte>(Gen.Byte, Gen.OneOf("data: {}[]\":,\\\n\r"u8.ToArray())).Array[0, 300].Array[0, 4])
            .Sample((framing, pieces) => Measured(new Answer("", framing, "", ""), pieces));

    [Theory]
    [InlineData("text/event-stream", null, AnswerFraming.Events)]
    [InlineData("Text/Event-Stream; charset=utf-8", "identity", AnswerFraming.Events)]
    [InlineData("application/x-ndjson", null, AnswerFraming.Lines)]
    [InlineData("application/json; charset=utf-8", "", AnswerFraming.Whole)]
    [InlineData("text/event-stream", "gzip", AnswerFraming.Opaque)]
    [InlineData("text/html", null, AnswerFraming.Opaque)]
    [InlineData(null, null, AnswerFraming.Opaque)]
    public void The_headers_say_how_the_body_is_cut(string? type, string? encoding, object framing) =>
        Assert.Equal(framing, AnswerFramings.Of(type, encoding));

    [Theory]
    [InlineData("POST", "/v1/chat/completions", true)]
    [InlineData("POST", "/v1/completions/", true)]
    [InlineData("POST", "/api/v0/chat/completions", true)]
    [InlineData("POST", "/completion", true)]
    [InlineData("POST", "/api/chat", true)]
    [InlineData("POST", "/api/generate", true)]
    [InlineData("GET", "/v1/chat/completions", false)]
    [InlineData("POST", "/v1/embeddings", false)]
    [InlineData("POST", "/api/embed", false)]
    [InlineData("POST", "/tokenize", false)]
    public void Only_requests_for_an_answer_are_measured(string method, string path, bool measured) =>
        Assert.Equal(measured, MeasuredPaths.Contains(method, path));

    // One piece for an event or line; the time of each is its number.
    private static List<byte[]> PiecesByEvent(Answer answer)
    {
        var end = answer.Framing == AnswerFraming.Events ? "\n\n" : "\n";
        return answer.Framing is AnswerFraming.Events or AnswerFraming.Lines
            ? [.. answer.Body.Split(end).Select(part => Encoding.UTF8.GetBytes(part + end))]
            : [Encoding.UTF8.GetBytes(answer.Body)];
    }

    private static string Measured(Answer answer, IReadOnlyList<byte[]> pieces)
    {
        var meter = new AnswerMeter(answer.Framing);
        for (var i = 0; i < pieces.Count; i++)
        {
            meter.Feed(pieces[i], i + 1);
        }

        meter.Complete();
        var times = meter.FirstContent is { } first ? $"{first}..{meter.LastContent}" : "-";
        return $"{meter.Model ?? "-"} {times} {meter.ContentPieces} {meter.InputTokens}/{meter.OutputTokens}"
            + (meter.IsFinished ? " finished" : "") + (meter.IsLengthLimited ? " limited" : "") + (meter.IsError ? " error" : "");
    }

    private static string WithoutTimes(string measured) => string.Join(' ', measured.Split(' ').Where((_, index) => index != 1));
}
