using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Discovery.Http;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Tests.Sources.Http;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Agent.Tests.Discovery;

public class HttpFinderTests
{
    private static async Task<DiscoveryOutcome> LookAsync(RequestDelegate answer)
    {
        await using var server = await LoopbackServer.StartAsync(answer);
        using var finder = new HttpFinder(
            new HttpDiscoverySettings
            {
                Source = new SourceTemplate(new VllmSourceSettings { Endpoint = new Uri("http://target/metrics") }),
                Url = new Uri(server.Address, "/targets?team=a"),
                Token = BearerToken.FromText("secret"),
                Timeout = TimeSpan.FromSeconds(20),
            },
            TimeProvider.System);
        return await finder.LookAsync(default);
    }

    [Fact]
    public async Task The_list_is_asked_for_with_the_token()
    {
        (string? Token, string Query) seen = default;
        var outcome = await LookAsync(context =>
        {
            seen = (context.Request.Headers.Authorization, context.Request.QueryString.Value!);
            return context.Response.WriteAsync("[{\"targets\": [\"a:1\"]}]");
        });

        Assert.Equal(("Bearer secret", "?team=a"), seen);
        Assert.Equal("a:1", Assert.Single(outcome.Targets!).Address);
    }

    [Theory]
    [InlineData(401, "")]
    [InlineData(404, "")]
    [InlineData(200, "<html>")]
    [InlineData(200, "{}")]
    public async Task Whatever_is_no_list_leaves_what_is_known(int status, string body)
    {
        var outcome = await LookAsync(context =>
        {
            context.Response.StatusCode = status;
            return context.Response.WriteAsync(body);
        });

        Assert.Null(outcome.Targets);
        Assert.Contains("/targets", outcome.Problem, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", outcome.Problem, StringComparison.Ordinal);
    }
}
