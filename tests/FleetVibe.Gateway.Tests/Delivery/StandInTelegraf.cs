using System.IO.Compression;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Tests.Delivery;

/// <summary>One request as it arrived.</summary>
internal sealed record Received(string Path, string Query, string? Authorization, string? Encoding, long? Length, string Connection, string[] Lines);

/// <summary>What to answer; null resets the connection.</summary>
internal sealed record Answer(int Status, string Body = "", string? RetryAfter = null, string? Location = null);

/// <summary>A write endpoint on a port of its own that answers as a test says and remembers what came.</summary>
internal sealed class StandInTelegraf : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly List<Received> _received = [];

    private StandInTelegraf(WebApplication app) => _app = app;

    internal Func<Received, Task<Answer?>> Answers { get; set; } = _ => Task.FromResult<Answer?>(new Answer(204));

    internal Uri Url => new(_app.Urls.Single());

    internal IReadOnlyList<Received> Requests
    {
        get
        {
            lock (_received)
            {
                return [.. _received];
            }
        }
    }

    internal static async Task<StandInTelegraf> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var standIn = new StandInTelegraf(app);
        app.Run(standIn.HandleAsync);
        await app.StartAsync();
        return standIn;
    }

    internal void Always(int status, string body = "") => Answers = _ => Task.FromResult<Answer?>(new Answer(status, body));

    internal void By(Func<Received, Answer> answer) => Answers = r => Task.FromResult<Answer?>(answer(r));

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        var encoding = request.Headers.ContentEncoding.ToString();
        await using var body = encoding == "gzip" ? new GZipStream(request.Body, CompressionMode.Decompress) : request.Body;
        using var reader = new StreamReader(body);
        var text = await reader.ReadToEndAsync();
        var received = new Received(
            request.Path, request.QueryString.ToString(), request.Headers.Authorization, encoding.Length == 0 ? null : encoding,
            request.ContentLength, context.Connection.Id, text.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        lock (_received)
        {
            _received.Add(received);
        }

        if (await Answers(received) is not { } answer)
        {
            context.Abort();
            return;
        }

        context.Response.StatusCode = answer.Status;
        if (answer.RetryAfter is not null)
        {
            context.Response.Headers.RetryAfter = answer.RetryAfter;
        }

        if (answer.Location is not null)
        {
            context.Response.Headers.Location = answer.Location;
        }

        if (answer.Body.Length > 0)
        {
            await context.Response.WriteAsync(answer.Body);
        }
    }
}
