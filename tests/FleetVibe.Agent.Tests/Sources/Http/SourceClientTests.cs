using FleetVibe.Agent.Sources;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Http;
using static FleetVibe.Agent.Tests.Sources.Http.Fetching;

namespace FleetVibe.Agent.Tests.Sources.Http;

/// <summary>What is asked for, and what the answer's head says.</summary>
public class SourceClientTests
{
    [Fact]
    public async Task A_page_comes_with_token_headers_and_an_accept_without_openmetrics()
    {
        IHeaderDictionary seen = new HeaderDictionary();
        var outcome = await FetchAsync(
            async context =>
            {
                seen = new HeaderDictionary(context.Request.Headers.ToDictionary());
                context.Response.ContentType = "text/plain; version=1.0.0; charset=utf-8";
                await context.Response.WriteAsync("a 1\n");
            },
            s => s with { Token = BearerToken.FromText("secret"), Headers = new Dictionary<string, string> { ["X-Scope"] = "blue" } });
        Assert.Null(outcome.Error);
        Assert.Equal(("a 1\n", "text/plain"), (Text(outcome), outcome.Page!.MediaType));
        Assert.Equal("Bearer secret", seen.Authorization.ToString());
        Assert.Equal("blue", seen["X-Scope"].ToString());
        Assert.Equal("text/plain;version=0.0.4,*/*;q=0.1", seen.Accept.ToString());
        Assert.Contains("gzip", seen.AcceptEncoding.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, ErrorClass.Auth)]
    [InlineData(403, ErrorClass.Auth)]
    [InlineData(404, ErrorClass.MetricsDisabled)]
    [InlineData(501, ErrorClass.MetricsDisabled)]
    [InlineData(429, ErrorClass.Busy)]
    [InlineData(418, ErrorClass.Http4xx)]
    [InlineData(304, ErrorClass.WrongContent)]
    public async Task A_status_that_will_not_change_is_asked_for_once(int status, ErrorClass error)
    {
        var asked = 0;
        var outcome = await FetchAsync(context =>
        {
            Interlocked.Increment(ref asked);
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        Assert.Equal((error, 1), (outcome.Error, asked));
        Assert.Contains("/metrics", outcome.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(500, ErrorClass.Http5xx)]
    [InlineData(503, ErrorClass.Busy)]
    [InlineData(408, ErrorClass.Timeout)]
    public async Task A_status_that_may_pass_is_asked_for_three_times_at_most(int status, ErrorClass error)
    {
        var asked = 0;
        var outcome = await FetchAsync(context =>
        {
            Interlocked.Increment(ref asked);
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        Assert.Equal((error, 3), (outcome.Error, asked));
    }

    [Fact]
    public async Task A_second_attempt_may_bring_the_page()
    {
        var asked = 0;
        var outcome = await FetchAsync(async context =>
        {
            if (Interlocked.Increment(ref asked) == 1)
            {
                context.Abort();
                return;
            }

            await context.Response.WriteAsync("a 1\n");
        });
        Assert.Equal("a 1\n", Text(outcome));
    }

    [Theory]
    [InlineData(301)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_within_the_origin_is_followed_with_the_token(int status)
    {
        string? token = null;
        var outcome = await FetchAsync(
            async context =>
            {
                if (context.Request.Path == "/metrics")
                {
                    context.Response.StatusCode = status;
                    context.Response.Headers.Location = "/metrics/";
                    return;
                }

                token = context.Request.Headers.Authorization;
                await context.Response.WriteAsync("a 1\n");
            },
            s => s with { Token = BearerToken.FromText("secret") });
        Assert.Equal(("a 1\n", "Bearer secret"), (Text(outcome), token));
    }

    [Fact]
    public async Task A_redirect_to_another_origin_is_named_and_never_asked()
    {
        var asked = 0;
        await using var other = await LoopbackServer.StartAsync(context =>
        {
            Interlocked.Increment(ref asked);
            return Task.CompletedTask;
        });
        var outcome = await FetchAsync(
            context =>
            {
                context.Response.StatusCode = 307;
                context.Response.Headers.Location = new Uri(other.Address, "/login?key=hidden").ToString();
                return Task.CompletedTask;
            },
            s => s with { Token = BearerToken.FromText("secret") });
        Assert.Equal((ErrorClass.Redirect, 0), (outcome.Error, asked));
        Assert.Contains($"{other.Address.Port}/login", outcome.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", outcome.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redirects_in_a_circle_end()
    {
        var asked = 0;
        var outcome = await FetchAsync(context =>
        {
            Interlocked.Increment(ref asked);
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = "/metrics";
            return Task.CompletedTask;
        });
        Assert.Equal((ErrorClass.Redirect, 2), (outcome.Error, asked));
    }

    [Fact]
    public async Task A_token_is_not_sent_over_plain_http_off_loopback()
    {
        var settings = Settings(new Uri("http://192.0.2.1:8000/metrics")) with { Token = BearerToken.FromText("secret") };
        var outcome = await FetchAsync(settings);
        Assert.Equal(ErrorClass.Auth, outcome.Error);
        Assert.Contains("plain http", outcome.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", outcome.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_file_that_is_not_there_is_named()
    {
        var outcome = await FetchAsync(_ => Task.CompletedTask, s => s with { Token = BearerToken.FromFile("/nowhere/agent.token") });
        Assert.Equal(ErrorClass.Auth, outcome.Error);
        Assert.Contains("/nowhere/agent.token", outcome.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Type", "x")]
    [InlineData("a b", "x")]
    [InlineData("X-Key", "secret\r\nX-Other: 1")]
    public async Task A_header_that_cannot_be_sent_is_named_without_its_value(string name, string value)
    {
        var outcome = await FetchAsync(_ => Task.CompletedTask, s => s with { Headers = new Dictionary<string, string> { [name] = value } });
        Assert.Equal(ErrorClass.Auth, outcome.Error);
        Assert.Contains(name, outcome.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", outcome.Text, StringComparison.Ordinal);
    }
}
