using System.Globalization;
using System.Net;
using System.Text;
using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Protocol.Transport;
using HdrHistogram;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Benchmarks;

/// <summary>
/// What the proxy adds: requests go to one engine directly and through the proxy in turn, in one process. Each chunk of
/// the answer carries when it was written, so that its way to the client is measured, as are first chunk and whole answer.
/// </summary>
internal static class ProxyLatency
{
    private const int Chunks = 20;
    private static readonly TimeSpan BetweenChunks = TimeSpan.FromMilliseconds(2);
    private static readonly TimeProvider Time = TimeProvider.System;

    public static async Task RunAsync(int requests)
    {
        await using var engine = await StartEngineAsync();
        var address = new Uri(engine.Urls.Single());
        var settings = new ProxySourceSettings { Endpoint = address, Listen = new ListenSettings { Address = ListenAddress.Ephemeral } };
        var queue = new MeasuredQueue(settings, Guid.NewGuid());
        await using var proxy = new ProxyServer(settings, queue, Time);
        await proxy.StartAsync(CancellationToken.None);
        using var direct = ClientOf(address);
        using var proxied = ClientOf(proxy.Address);
        await MeasureAsync(direct, proxied, queue, Math.Max(50, requests / 10));
        var (without, with) = await MeasureAsync(direct, proxied, queue, requests);

        Console.WriteLine($"{requests} requests each way, {Chunks} chunks an answer; microseconds");
        Console.WriteLine("| what | direct p50 | proxy p50 | added p50 | direct p99 | proxy p99 | added p99 |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        Row("way of one chunk", without.Chunk, with.Chunk);
        Row("first chunk", without.First, with.First);
        Row("whole answer", without.Whole, with.Whole);
    }

    private static async Task<(Times Without, Times With)> MeasureAsync(HttpClient direct, HttpClient proxied, MeasuredQueue queue, int requests)
    {
        var (without, with) = (new Times(), new Times());
        for (var i = 0; i < requests; i++)
        {
            await AskAsync(direct, without);
            await AskAsync(proxied, with);
            queue.Take(int.MaxValue, withStatus: true);
        }

        return (without, with);
    }

    private static async Task AskAsync(HttpClient client, Times times)
    {
        var began = Time.GetTimestamp();
        using var content = new StringContent("""{"model":"m","stream":true,"messages":[{"role":"user","content":"How long does it take?"}]}""", Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = content };
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var isFirst = true;
        while (await reader.ReadLineAsync() is { } line)
        {
            var now = Time.GetTimestamp();
            if (line.Split("\"content\":\"") is [_, var rest])
            {
                times.Chunk.RecordValue(Microseconds(long.Parse(rest[..rest.IndexOf('"', StringComparison.Ordinal)], CultureInfo.InvariantCulture), now));
                if (isFirst)
                {
                    times.First.RecordValue(Microseconds(began, now));
                    isFirst = false;
                }
            }
        }

        times.Whole.RecordValue(Microseconds(began, Time.GetTimestamp()));
    }

    private static HttpClient ClientOf(Uri address) =>
        new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = address };

    private static long Microseconds(long from, long to) => Math.Max(1, (long)Time.GetElapsedTime(from, to).TotalMicroseconds);

    private static void Row(string what, LongHistogram without, LongHistogram with)
    {
        var (d50, p50) = (without.GetValueAtPercentile(50), with.GetValueAtPercentile(50));
        var (d99, p99) = (without.GetValueAtPercentile(99), with.GetValueAtPercentile(99));
        Console.WriteLine($"| {what} | {d50} | {p50} | {p50 - d50} | {d99} | {p99} | {p99 - d99} |");
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
        await context.Request.Body.CopyToAsync(Stream.Null);
        context.Response.ContentType = "text/event-stream";
        for (var i = 0; i < Chunks; i++)
        {
            await context.Response.WriteAsync($$"""data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"{{Time.GetTimestamp()}}"},"finish_reason":null}]}""" + "\n\n");
            await Task.Delay(BetweenChunks, Time);
        }

        await context.Response.WriteAsync("data: [DONE]\n\n");
    }

    private sealed class Times
    {
        public LongHistogram Chunk { get; } = new(TimeStampMost, 3);

        public LongHistogram First { get; } = new(TimeStampMost, 3);

        public LongHistogram Whole { get; } = new(TimeStampMost, 3);

        // Microseconds in a minute.
        private static long TimeStampMost => 60_000_000;
    }
}
