using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Proxy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Time.Testing;
using Yarp.ReverseProxy.Forwarder;

namespace FleetVibe.Agent.Tests.Sources.Proxy;

public class ExchangeTests
{
    private const string Token = """data: {"model":"m","choices":[{"delta":{"content":"a"}}]}""" + "\n\n";
    private const string Done = "data: [DONE]\n\n";

    private readonly FakeTimeProvider _time = new();
    private readonly DefaultHttpContext _context = new();
    private readonly MeasuredQueue _queue = new(TestProxy.Settings, Guid.Empty);
    private readonly Exchange _exchange;

    public ExchangeTests()
    {
        _context.Response.ContentType = "text/event-stream";
        _exchange = Exchange.Begin(TestProxy.Settings, _queue, _time, _context)!;
    }

    [Fact]
    public async Task The_first_token_came_when_the_engine_sent_it_however_slow_the_client_is()
    {
        await using var body = new ObservedAnswerBody(new SlowClient(_time), _exchange);
        _time.Advance(TimeSpan.FromSeconds(2));
        await body.WriteAsync(Encoding.UTF8.GetBytes(Token));

        var measured = Assert.Single(End().Requests);
        Assert.Equal((2d, 62d), (measured.TtftSeconds!.Value, measured.DurationSeconds!.Value));
    }

    [Fact]
    public void The_time_between_tokens_has_one_gap_less_than_tokens()
    {
        Answer(Token, Token, Token);

        Assert.Equal(1000d, Assert.Single(End().InterTokenMs).Value);
    }

    [Theory]
    [InlineData(Token + Done, ForwarderError.None, false, RequestOutcome.Success)]
    [InlineData(Token, ForwarderError.None, false, RequestOutcome.Success)]
    [InlineData(Token, ForwarderError.None, true, RequestOutcome.Error)]
    [InlineData(Token + Done, ForwarderError.ResponseBodyClient, true, RequestOutcome.Success)]
    [InlineData(Token, ForwarderError.ResponseBodyDestination, false, RequestOutcome.Error)]
    [InlineData(Token, ForwarderError.RequestBodyDestination, false, RequestOutcome.Success)]
    [InlineData("data: [DONE]", ForwarderError.ResponseBodyClient, true, RequestOutcome.Success)]
    public void A_request_that_ends_before_its_answer_is_complete_is_an_error(string answer, ForwarderError error, bool isAborted, RequestOutcome outcome)
    {
        _exchange.OnRequest("""{"model":"m"}"""u8);
        Answer(answer);
        _context.RequestAborted = new CancellationToken(isAborted);

        Assert.Equal(outcome, Assert.Single(End(error).Requests).Outcome);
    }

    [Fact]
    public void A_fault_of_the_measuring_is_counted_and_does_not_reach_the_request()
    {
        // It has no answer that could be looked at.
        var exchange = Exchange.Begin(TestProxy.Settings, _queue, _time, new DefaultHttpContext(new FeatureCollection()))!;
        exchange.OnAnswer("a"u8, exchange.Now());
        exchange.OnAnswer("b"u8, exchange.Now());
        exchange.End(ForwarderError.None);

        Assert.Equal(1, _queue.Take(10, withStatus: true).Unmeasured[Unmeasured.Faulted]);
    }

    [Fact]
    public void A_status_from_400_on_is_an_error_whatever_its_body_says()
    {
        (_context.Response.StatusCode, _context.Response.ContentType) = (503, "text/html");
        _exchange.OnRequest("""{"model":"m"}"""u8);
        Answer("<p>busy</p>");

        var batch = End();
        Assert.Equal(RequestOutcome.Error, Assert.Single(batch.Requests).Outcome);
        Assert.Empty(batch.Unmeasured);
    }

    private void Answer(params string[] pieces)
    {
        foreach (var piece in pieces)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            _exchange.OnAnswer(Encoding.UTF8.GetBytes(piece), _exchange.Now());
        }
    }

    private MeasuredBatch End(ForwarderError error = ForwarderError.None)
    {
        _exchange.End(error);
        return _queue.Take(int.MaxValue, withStatus: true);
    }

    /// <summary>Takes a minute for every piece.</summary>
    private sealed class SlowClient(FakeTimeProvider time) : PassingStream(Null)
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            return ValueTask.CompletedTask;
        }
    }
}
