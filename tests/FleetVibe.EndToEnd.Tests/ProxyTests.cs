using System.Net;
using System.Text;
using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Simulator.Telegraf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>Clients of an engine without metrics go through the agent, and each request stands in a committed window.</summary>
public class ProxyTests
{
    private const int Streams = 40;
    private const int Limited = 10;
    private const int Unknown = 10;

    [Fact]
    public async Task Requests_through_the_proxy_are_the_requests_of_the_fleet()
    {
        using var folder = new TemporaryFolder();
        await using var telegraf = await SimulatedTelegraf.StartAsync(new SimulatedTelegrafSettings(), TimeProvider.System);
        await using var engine = await StartEngineAsync();
        var port = InfluxServer.FreePort();
        var config = folder.Write("fleetvibe.toml", $"""
            [node]
            name = "gpu-node-01"
            data_dir = "{folder.Sub("data")}"
            [[agent.sources]]
            kind = "proxy"
            listen = "127.0.0.1:{port}"
            endpoint = "{engine.Urls.Single()}"
            task = "chat"
            [aggregator]
            [gateway.telegraf]
            url = "{telegraf.Address}"
            [dashboard]
            listen = "127.0.0.1:0"
            """);

        await using var binary = Binary.Start("run", "run", "--config", config);
        await binary.WaitForOutputAsync($"listens on http://127.0.0.1:{port}/", TimeSpan.FromMinutes(1));
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        for (var i = 0; i < Streams; i++)
        {
            Assert.EndsWith("data: [DONE]\n\n", await PostAsync(client, "/v1/chat/completions", """{"model":"qwen3-4b","stream":true}""", HttpStatusCode.OK), StringComparison.Ordinal);
        }

        for (var i = 0; i < Limited; i++)
        {
            await PostAsync(client, "/api/generate", """{"model":"qwen3-4b"}""", HttpStatusCode.OK);
        }

        for (var i = 0; i < Unknown; i++)
        {
            await PostAsync(client, "/v1/chat/completions", """{"model":"none"}""", HttpStatusCode.NotFound);
        }

        const long All = Streams + Limited + Unknown;
        await Eventually.Holds(
            () => telegraf.FleetSum("requests") >= All, TimeSpan.FromMinutes(2), () => $"{telegraf.FleetSum("requests")} of {All}:\n{binary.Output}");
        Assert.Equal(0, await binary.StopAsync());

        Assert.Equal(All, telegraf.FleetSum("requests"));
        Assert.Equal(Streams + Limited, telegraf.FleetSum("requests", Of("qwen3-4b")));
        Assert.Equal((0L, (long)Unknown), (telegraf.FleetSum("errors", Of("qwen3-4b")), telegraf.FleetSum("errors", Of("none"))));
        Assert.Equal(Limited, telegraf.FleetSum("length_limited"));
        Assert.Equal((Streams * 7) + (Limited * 3), telegraf.FleetSum("input_tokens"));
        Assert.Equal((Streams * 5) + (Limited * 4), telegraf.FleetSum("output_tokens"));
        var windows = telegraf.Windows().Where(window => Of("qwen3-4b")(window) && window.Integer("requests") > 0).ToList();
        Assert.All(windows, window => Assert.Equal("exact", window.Text("precision")));
        Assert.All(windows, window => Assert.True(window.Float("response_time_p50_ms") > 0));
        Assert.Contains(windows, window => window.Float("ttft_p50_ms") > 0);
        Assert.Contains(telegraf.Points("vibe_target"), point => point.Tags["kind"] == "proxy");
        Assert.Empty(telegraf.Violations);
    }

    private static Func<StoredPoint, bool> Of(string model) => point => point.Tags["model"] == model;

    private static async Task<string> PostAsync(HttpClient client, string path, string body, HttpStatusCode expected)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(path, content);
        Assert.Equal(expected, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }

    private static async Task<WebApplication> StartEngineAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.Run(AnswerAsync);
        await app.StartAsync();
        return app;
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var request = await reader.ReadToEndAsync();
        if (context.Request.Path == "/api/generate")
        {
            await context.Response.WriteAsJsonAsync(new { model = "qwen3-4b", response = "cut", done = true, done_reason = "length", prompt_eval_count = 3, eval_count = 4 });
        }
        else if (!request.Contains("qwen3-4b", StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
        }
        else
        {
            context.Response.ContentType = "text/event-stream";
            foreach (var text in new[] { "a", "b", "c" })
            {
                await context.Response.WriteAsync($$"""data: {"model":"qwen3-4b","choices":[{"delta":{"content":"{{text}}"},"finish_reason":null}]}""" + "\n\n");
            }

            await context.Response.WriteAsync("""data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":5}}""" + "\n\ndata: [DONE]\n\n");
        }
    }
}
