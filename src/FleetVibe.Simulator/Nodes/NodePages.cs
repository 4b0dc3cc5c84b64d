using System.IO.Compression;
using System.Text;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace FleetVibe.Simulator.Nodes;

/// <summary>Answers /metrics, /summary and /health, with whatever fault is set.</summary>
internal sealed class NodePages(SimulatedNode node, NodeEngine engine, ReaderGate gate, BearerToken token, TimeProvider clock)
{
    private const long EndlessBytes = 10_000_000_000;
    private const string Scheme = "Bearer ";

    public Task HandleAsync(HttpContext context)
    {
        var fault = node.Fault;
        return context.Request.Path.Value switch
        {
            "/health" => Empty(context, fault == NodeFault.Unavailable ? 503 : 200),
            "/metrics" => PageAsync(context, fault, ExpectedReaders.Metrics),
            "/summary" => PageAsync(context, fault, ExpectedReaders.Summary),
            _ => Text(context, 404, "application/json", "{\"detail\":\"Not Found\"}"),
        };
    }

    private async Task PageAsync(HttpContext context, NodeFault fault, ExpectedReaders reader)
    {
        if (!IsAuthorized(context.Request) || fault == NodeFault.Unauthorized)
        {
            await Text(context, 401, "application/json", "{\"error\":\"Unauthorized\"}");
            return;
        }

        switch (fault)
        {
            case NodeFault.Unavailable:
                await Text(context, 503, "text/plain; charset=utf-8", "engine is loading");
                return;
            case NodeFault.NotFound:
                await Text(context, 404, "application/json", "{\"detail\":\"Not Found\"}");
                return;
            case NodeFault.Html:
                await Text(context, 200, "text/html; charset=utf-8", "<!doctype html><html><body><h1>Welcome to nginx!</h1></body></html>");
                return;
            case NodeFault.Redirect:
                context.Response.Headers.Location = "http://localhost:1/elsewhere";
                await Empty(context, 302);
                return;
            case NodeFault.EmptyBody:
                await Text(context, 200, "text/plain; charset=utf-8", "");
                return;
            case NodeFault.Reset:
                context.Features.GetRequiredFeature<IHttpRequestLifetimeFeature>().Abort();
                return;
            case NodeFault.Hang:
                await Task.Delay(Timeout.InfiniteTimeSpan, clock, context.RequestAborted);
                return;
            case NodeFault.Slow:
                await Task.Delay(node.Settings.SlowBy, clock, context.RequestAborted);
                break;
            case NodeFault.EndlessBody:
                await EndlessAsync(context);
                return;
            default:
                break;
        }

        var metrics = reader == ExpectedReaders.Metrics;
        var body = metrics ? engine.RenderMetrics(fault) : engine.RenderSummary(fault);
        context.Response.ContentType = metrics ? VllmPage.ContentType(node.Settings.Vllm) : "application/json";
        if (fault == NodeFault.TruncatedGzip)
        {
            var whole = Gzip(body);
            context.Response.Headers.ContentEncoding = "gzip";
            await Body(context, whole.AsMemory(0, whole.Length / 2));
            return;
        }

        if (context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase))
        {
            body = Gzip(body);
            context.Response.Headers.ContentEncoding = "gzip";
        }

        await Body(context, body);
        if (fault is not (NodeFault.NaN or NodeFault.NewlineInLabel))
        {
            gate.Read(reader);
        }
    }

    private bool IsAuthorized(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) && token.Matches(header[Scheme.Length..].Trim());
    }

    private static async Task EndlessAsync(HttpContext context)
    {
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        var chunk = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("# nothing of interest here, and there is more\n", 1424)));
        for (var sent = 0L; sent < EndlessBytes && !context.RequestAborted.IsCancellationRequested; sent += chunk.Length)
        {
            await context.Response.Body.WriteAsync(chunk, context.RequestAborted);
        }
    }

    private static byte[] Gzip(byte[] body)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Fastest))
        {
            gzip.Write(body);
        }

        return memory.ToArray();
    }

    private static Task Empty(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    private static Task Text(HttpContext context, int status, string contentType, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        return Body(context, Encoding.UTF8.GetBytes(text));
    }

    private static async Task Body(HttpContext context, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
