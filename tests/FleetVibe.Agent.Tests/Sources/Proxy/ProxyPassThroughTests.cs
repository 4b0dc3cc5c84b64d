using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace FleetVibe.Agent.Tests.Sources.Proxy;

/// <summary>What passes is not changed, whatever it is.</summary>
public class ProxyPassThroughTests
{
    [Theory]
    [InlineData("text/event-stream", null)]
    [InlineData("application/json", "gzip")]
    [InlineData("application/octet-stream", null)]
    [InlineData(null, null)]
    public async Task Every_byte_passes_as_it_is(string? type, string? encoding)
    {
        var random = new Random(7);
        var body = new byte[300_000];
        random.NextBytes(body);
        byte[]? received = null;
        await using var proxy = await TestProxy.StartAsync(async context =>
        {
            using var request = new MemoryStream();
            await context.Request.Body.CopyToAsync(request);
            received = request.ToArray();
            context.Response.Headers.ContentType = type;
            context.Response.Headers.ContentEncoding = encoding;
            for (var at = 0; at < body.Length;)
            {
                var length = Math.Min(random.Next(1, 40_000), body.Length - at);
                await context.Response.Body.WriteAsync(body.AsMemory(at, length));
                at += length;
            }
        });

        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = new ByteArrayContent(body) };
        using var answer = await proxy.Client.SendAsync(request);
        Assert.Equal(body, await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal(body, received);
    }

    [Fact]
    public async Task Method_target_and_headers_pass_as_they_are_and_the_host_is_the_engines()
    {
        string? seen = null;
        await using var proxy = await TestProxy.StartAsync(context =>
        {
            var headers = context.Request.Headers;
            seen = $"{context.Request.Method} {context.Features.Get<IHttpRequestFeature>()!.RawTarget} {headers.Host} {headers.Authorization} {headers["traceparent"]} {headers["X-Two"]} {headers.AcceptEncoding} {headers["X-Forwarded-For"]}.";
            context.Response.StatusCode = 418;
            context.Response.Headers["X-Request-Id"] = "r1";
            context.Response.Headers.SetCookie = new(["a=1", "b=2"]);
            return Task.CompletedTask;
        });

        using var request = new HttpRequestMessage(HttpMethod.Patch, new Uri(proxy.Client.BaseAddress!.AbsoluteUri + "api/x%2Fy//z?q=%41&q", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer of-the-engine");
        request.Headers.TryAddWithoutValidation("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        request.Headers.TryAddWithoutValidation("X-Two", ["1", "2"]);
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip, br");
        using var answer = await proxy.Client.SendAsync(request);

        Assert.Equal(
            $"PATCH /api/x%2Fy//z?q=%41&q {proxy.Engine!.Address.Authority} Bearer of-the-engine 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 1,2 gzip,br .", seen!.Replace(", ", ",", StringComparison.Ordinal));
        Assert.Equal(418, (int)answer.StatusCode);
        Assert.Equal(["r1"], answer.Headers.GetValues("X-Request-Id"));
        Assert.Equal(["a=1", "b=2"], answer.Headers.GetValues("Set-Cookie"));
        Assert.Empty((await proxy.MeasuredAsync()).Requests);
    }

    [Fact]
    public async Task Bytes_of_a_header_beyond_ASCII_pass_in_both_directions()
    {
        var seen = "";
        await using var proxy = await TestProxy.StartAsync(context =>
        {
            // The server reads and writes UTF-8, of which the proxy must change nothing.
            seen = context.Request.Headers["X-User"].ToString();
            context.Response.Headers["X-User"] = seen;
            return Task.CompletedTask;
        });

        using var client = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
            ResponseHeaderEncodingSelector = (_, _) => Encoding.Latin1,
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Client.BaseAddress!, "/v1/models"));
        request.Headers.TryAddWithoutValidation("X-User", "Zoë");
        using var answer = await client.SendAsync(request);

        Assert.Equal("Zoë", seen);
        Assert.Equal("Zoë", Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(Assert.Single(answer.Headers.GetValues("X-User")))));
    }

    [Fact]
    public async Task A_request_of_any_size_passes()
    {
        long received = 0;
        await using var proxy = await TestProxy.StartAsync(async context =>
        {
            context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = null;
            var buffer = new byte[1 << 16];
            for (int read; (read = await context.Request.Body.ReadAsync(buffer)) > 0;)
            {
                received += read;
            }
        });

        // A server of this kind takes 30 MB, if it is not told otherwise.
        var size = 31_000_000;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/audio") { Content = new ByteArrayContent(new byte[size]) };
        using var answer = await proxy.Client.SendAsync(request);
        Assert.Equal((HttpStatusCode.OK, size), (answer.StatusCode, received));
    }
}
