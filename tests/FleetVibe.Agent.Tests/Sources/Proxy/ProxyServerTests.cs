using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace FleetVibe.Agent.Tests.Sources.Proxy;

/// <summary>Real connections over loopback; what must come after something else waits for it, never for the clock.</summary>
public class ProxyServerTests
{
    private const string Chat = "/v1/chat/completions";
    private const string ChatRequest = """{"messages":[{"role":"user","content":"model: \"none\""}],"model":"qwen3-4b","stream":true}""";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    private static Task<HttpResponseMessage> PostAsync(TestProxy proxy, string path, string body) =>
        proxy.Client.SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = Json(body) }, HttpCompletionOption.ResponseHeadersRead);

    private static async Task StreamAsync(HttpContext context, params string[] contents)
    {
        context.Response.ContentType = "text/event-stream";
        foreach (var content in contents)
        {
            await context.Response.WriteAsync($$$"""data: {"model":"qwen3-4b","choices":[{"delta":{"content":"{{{content}}}"}}]}""" + "\n\n");
        }
    }

    [Fact]
    public async Task The_second_chunk_is_sent_only_after_the_client_has_the_first()
    {
        var hasHead = new TaskCompletionSource();
        var hasFirst = new TaskCompletionSource();
        await using var proxy = await TestProxy.StartAsync(async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.Body.FlushAsync();
            await hasHead.Task;
            await context.Response.WriteAsync("data: first\n\n");
            await hasFirst.Task;
            await context.Response.WriteAsync("data: second\n\n");
        });

        using var answer = await PostAsync(proxy, Chat, ChatRequest).WaitAsync(Limit, TimeProvider.System);
        hasHead.SetResult();
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("data: first", await reader.ReadLineAsync().WaitAsync(Limit, TimeProvider.System));
        hasFirst.SetResult();
        Assert.Equal("\ndata: second\n\n", await reader.ReadToEndAsync().WaitAsync(Limit, TimeProvider.System));
    }

    [Fact]
    public async Task A_request_goes_on_before_the_client_has_written_all_of_it()
    {
        var hasFirst = new TaskCompletionSource();
        await using var proxy = await TestProxy.StartAsync(async context =>
        {
            Assert.Equal(1, await context.Request.Body.ReadAsync(new byte[1]));
            hasFirst.SetResult();
            await context.Request.Body.CopyToAsync(Stream.Null);
        });

        using var content = new PartedContent(Encoding.UTF8.GetBytes(new string(' ', 64 * 1024)), hasFirst.Task, Encoding.UTF8.GetBytes(ChatRequest));
        using var answer = await proxy.Client.PostAsync(Chat, content).WaitAsync(Limit, TimeProvider.System);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("qwen3-4b", (await proxy.OneMeasuredAsync()).Series.Model);
    }

    [Fact]
    public async Task A_streamed_answer_is_measured()
    {
        var clock = new SteppingTime();
        await using var proxy = await TestProxy.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await StreamAsync(context, "", "a", "b");
            await context.Response.WriteAsync("""data: {"choices":[{"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}""" + "\n\ndata: [DONE]\n\n");
        }, settings => settings with { VariantHeader = "X-Arm" }, clock);

        using var request = new HttpRequestMessage(HttpMethod.Post, Chat) { Content = Json(ChatRequest) };
        request.Headers.Add("X-Arm", "B");
        using var answer = await proxy.Client.SendAsync(request);
        var batch = await proxy.MeasuredAsync();

        var measured = Assert.Single(batch.Requests);
        Assert.Equal(("qwen3-4b", "default", "B"), (measured.Series.Model, measured.Series.Task, measured.Series.Variant));
        Assert.Equal((7L, 3L, RequestOutcome.LengthLimited, clock.GetUtcNow()), (measured.InputTokens, measured.OutputTokens, measured.Outcome, measured.CompletedAt));
        Assert.InRange(measured.TtftSeconds!.Value, 1, measured.DurationSeconds!.Value - 1);
        Assert.Empty(batch.Unmeasured);
    }

    [Fact]
    public async Task A_client_that_hangs_up_ends_the_engines_work_and_counts_as_an_error()
    {
        var isCancelled = new TaskCompletionSource();
        await using var proxy = await TestProxy.StartAsync(async context =>
        {
            context.RequestAborted.Register(isCancelled.SetResult);
            await context.Request.Body.CopyToAsync(Stream.Null);
            await StreamAsync(context, "a");
            await isCancelled.Task;
        });

        using (var answer = await PostAsync(proxy, Chat, ChatRequest))
        {
            Assert.NotEqual(0, await (await answer.Content.ReadAsStreamAsync()).ReadAsync(new byte[1]));
        }

        await isCancelled.Task.WaitAsync(Limit, TimeProvider.System);
        var measured = await proxy.OneMeasuredAsync();
        Assert.Equal((RequestOutcome.Error, 1L), (measured.Outcome, measured.OutputTokens));
    }

    [Fact]
    public async Task A_client_that_hangs_up_when_the_answer_is_complete_has_had_a_success()
    {
        var isCancelled = new TaskCompletionSource();
        await using var proxy = await TestProxy.StartAsync(async context =>
        {
            context.RequestAborted.Register(isCancelled.SetResult);
            await context.Request.Body.CopyToAsync(Stream.Null);
            await StreamAsync(context, "a");
            await context.Response.WriteAsync("data: [DONE]\n\n");
            await isCancelled.Task;
        });

        using (var answer = await PostAsync(proxy, Chat, ChatRequest))
        {
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
            while (await reader.ReadLineAsync() is { } line && line != "data: [DONE]")
            {
            }
        }

        await isCancelled.Task.WaitAsync(Limit, TimeProvider.System);
        Assert.Equal(RequestOutcome.Success, (await proxy.OneMeasuredAsync()).Outcome);
    }

    [Fact]
    public async Task An_answer_that_breaks_off_breaks_off_at_the_client_too()
    {
        var hasHead = new TaskCompletionSource();
        await using var proxy = await TestProxy.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await StreamAsync(context, "a", "b");
            await hasHead.Task;
            context.Abort();
        });

        using var answer = await PostAsync(proxy, Chat, ChatRequest);
        hasHead.SetResult();
        await Assert.ThrowsAnyAsync<IOException>(async () => await (await answer.Content.ReadAsStreamAsync()).CopyToAsync(Stream.Null));
        var measured = await proxy.OneMeasuredAsync();
        Assert.Equal((RequestOutcome.Error, "qwen3-4b"), (measured.Outcome, measured.Series.Model));
    }

    [Fact]
    public async Task An_engine_that_is_away_is_a_502_that_says_so_and_an_error_of_its_model()
    {
        await using var proxy = await TestProxy.StartWithoutEngineAsync();

        using var answer = await PostAsync(proxy, Chat, ChatRequest);
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Equal("""{"error":{"code":502,"type":"bad_gateway","message":"the engine at 127.0.0.1:1 does not answer"}}""", await answer.Content.ReadAsStringAsync());
        var measured = await proxy.OneMeasuredAsync();
        Assert.Equal((RequestOutcome.Error, "qwen3-4b"), (measured.Outcome, measured.Series.Model));
    }

    [Fact]
    public async Task A_status_from_400_on_is_an_error()
    {
        await using var proxy = await TestProxy.StartAsync(context =>
        {
            context.Response.StatusCode = 404;
            return context.Response.WriteAsJsonAsync(new { error = "model not found" });
        });

        using var answer = await PostAsync(proxy, "/api/chat", ChatRequest);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        var measured = await proxy.OneMeasuredAsync();
        Assert.Equal((RequestOutcome.Error, "qwen3-4b"), (measured.Outcome, measured.Series.Model));
    }

    [Fact]
    public async Task Of_a_compressed_answer_only_the_whole_time_is_known_and_that_is_counted()
    {
        await using var proxy = await TestProxy.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            context.Response.ContentType = "application/json";
            context.Response.Headers.ContentEncoding = "gzip";
            await using var packed = new GZipStream(context.Response.Body, CompressionLevel.Fastest);
            await packed.WriteAsync("""{"usage":{"prompt_tokens":7}}"""u8.ToArray());
        });

        using var answer = await PostAsync(proxy, Chat, ChatRequest);
        Assert.Equal("gzip", answer.Content.Headers.ContentEncoding.Single());
        var batch = await proxy.MeasuredAsync();
        var measured = Assert.Single(batch.Requests);
        Assert.Equal((RequestOutcome.Success, 0L), (measured.Outcome, measured.InputTokens));
        Assert.Null(measured.TtftSeconds);
        Assert.NotNull(measured.DurationSeconds);
        Assert.Equal(1, batch.Unmeasured[Unmeasured.Unreadable]);
    }

    /// <summary>The clock stands for all work of measuring: it fails at its n-th use.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_fault_while_measuring_hurts_no_request(int at)
    {
        await using var proxy = await TestProxy.StartAsync(
            async context =>
            {
                await context.Request.Body.CopyToAsync(Stream.Null);
                await StreamAsync(context, "a");
            },
            time: new FailingTime(at));

        using var answer = await PostAsync(proxy, Chat, ChatRequest);
        Assert.Equal("data: {\"model\":\"qwen3-4b\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n", await answer.Content.ReadAsStringAsync());
        Assert.Equal(1, (await proxy.MeasuredAsync()).Unmeasured[Unmeasured.Faulted]);
    }

    [Fact]
    public async Task The_token_of_the_client_ends_at_the_proxy_and_that_of_the_engine_begins_there()
    {
        string? seen = null;
        await using var proxy = await TestProxy.StartAsync(
            context =>
            {
                seen = context.Request.Headers.Authorization;
                return Task.CompletedTask;
            },
            settings => settings with { Token = BearerToken.FromText("engine"), Listen = settings.Listen with { Token = BearerToken.FromText("client") } });

        using var refused = await PostAsync(proxy, Chat, ChatRequest);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Contains("wants a bearer token", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Null(seen);

        proxy.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "client");
        using var taken = await PostAsync(proxy, Chat, ChatRequest);
        Assert.Equal((HttpStatusCode.OK, "Bearer engine"), (taken.StatusCode, seen));
        Assert.Single((await proxy.MeasuredAsync()).Requests);
    }

    [Fact]
    public async Task A_taken_port_is_named_with_its_cure()
    {
        await using var first = await TestProxy.StartWithoutEngineAsync();
        var taken = new ListenAddress(IPAddress.Loopback, first.Client.BaseAddress!.Port);

        var fault = await Assert.ThrowsAsync<InvalidOperationException>(
            () => TestProxy.StartWithoutEngineAsync(settings => settings with { Listen = new ListenSettings { Address = taken } }));
        Assert.Contains($"the proxy before http://127.0.0.1:1/ cannot listen on {taken} (", fault.Message, StringComparison.Ordinal);
        Assert.EndsWith("): set listen of that source to a free port of this machine", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_does_not_listen_for_other_machines_without_TLS_and_token() =>
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => TestProxy.StartWithoutEngineAsync(settings => settings with { Listen = new ListenSettings { Address = new ListenAddress(null, 0) } }));

    /// <summary>A clock that goes on by a second with every look.</summary>
    private sealed class SteppingTime : TimeProvider
    {
        private long _looks;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Interlocked.Increment(ref _looks);

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;
    }

    private sealed class FailingTime(int at) : TimeProvider
    {
        private int _looks;

        public override long GetTimestamp() => _looks++ == at ? throw new InvalidOperationException("out of order") : base.GetTimestamp();
    }

    private sealed class PartedContent(byte[] first, Task between, byte[] rest) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(first);
            await stream.FlushAsync();
            await between;
            await stream.WriteAsync(rest);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
