using System.Globalization;
using System.Text.Json;
using FleetVibe.Metrics.LineProtocol;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Simulator.Telegraf;

/// <summary>
/// Sends each request to its listener. Paths that begin with an underscore exist in the simulator alone:
/// <c>GET /_points?measurement=m</c> and <c>GET /_violations</c> (JSON lines), <c>GET /_stats</c> (JSON), and
/// <c>POST /_faults?kind=Status503&amp;times=3</c>, which queues faults, and <c>DELETE /_faults</c>, which forgets those that wait. They want what any of the listeners wants.
/// </summary>
internal sealed class TelegrafPages(TelegrafCore core)
{
    private readonly InfluxDbV2Listener _v2 = new(core);
    private readonly InfluxDbV1Listener _v1 = new(core);
    private readonly HttpListenerV2 _http = new(core);

    public async Task HandleAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "/";
        if (path.Contains("//", StringComparison.Ordinal))
        {
            // Go's mux cleans the path by a redirect; a client that follows it with a GET is told 204 and has written nothing.
            context.Response.StatusCode = 301;
            context.Response.Headers.Location = string.Join('/', path.Split('/').Where((part, i) => i == 0 || part.Length > 0)) + context.Request.QueryString;
            return;
        }

        switch (path)
        {
            case "/api/v2/write":
                await CountedAsync(context, _v2);
                break;
            case "/write":
                await CountedAsync(context, _v1);
                break;
            case "/telegraf":
                await CountedAsync(context, _http);
                break;
            case "/ping":
                await InfluxDbV1Listener.PingAsync(context);
                break;
            case "/health" or "/api/v2/health":
                await _v2.HealthAsync(context);
                break;
            case "/ready" or "/api/v2/ready":
                await _v2.ReadyAsync(context);
                break;
            case "/query":
                await (_v1.IsAuthorized(context.Request) ? InfluxDbV1Listener.QueryAsync(context) : _v1.UnauthorizedAsync(context));
                break;
            default:
                await (IsKnown(context.Request) ? OwnPageAsync(context, path) : _v2.UnauthorizedAsync(context));
                break;
        }
    }

    private async Task CountedAsync(HttpContext context, TelegrafListener listener)
    {
        // Counted before the first byte of the answer leaves, so that whoever has an answer finds it counted.
        context.Response.OnStarting(() =>
        {
            core.CountAnswer(context, context.Response.StatusCode);
            return Task.CompletedTask;
        });
        try
        {
            await (listener.IsAuthorized(context.Request) ? listener.WriteAsync(context) : listener.UnauthorizedAsync(context));
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The caller gave up, or the simulated Telegraf stops.
            core.Abort(context);
        }
    }

    /// <summary>Whether a request has one of the credentials, where there are any.</summary>
    private bool IsKnown(HttpRequest request)
    {
        var v2 = core.Settings.Token is not null;
        var v1 = core.Settings.Username is not null && core.Settings.Password is not null;
        return !(v1 || v2) || (v2 && _v2.IsAuthorized(request)) || (v1 && _v1.IsAuthorized(request));
    }

    private Task OwnPageAsync(HttpContext context, string path) => path switch
    {
        "/_points" => LinesAsync(context, core.Points(context.Request.Query["measurement"].FirstOrDefault()).Select(Describe)),
        "/_violations" => LinesAsync(context, core.Violations.Select(v => new { kind = v.Kind.ToString(), text = v.Text })),
        "/_stats" => LinesAsync(context, [Describe(core.Statistics)]),
        "/_faults" when context.Request.Method == "POST" => QueueFaults(context),
        "/_faults" when context.Request.Method == "DELETE" => ForgetFaults(context),
        _ => NotFoundAsync(context),
    };

    private Task QueueFaults(HttpContext context)
    {
        var query = context.Request.Query;
        var timesText = query["times"].FirstOrDefault() ?? "1";
        if (!Enum.TryParse<TelegrafFault>(query["kind"], ignoreCase: true, out var fault)
            || !int.TryParse(timesText, NumberStyles.None, CultureInfo.InvariantCulture, out var times))
        {
            context.Response.StatusCode = 400;
            return context.Response.WriteAsync($"kind is one of {string.Join(", ", Enum.GetNames<TelegrafFault>())}; times is a whole number\n");
        }

        core.Faults.Enqueue(Enumerable.Repeat(fault, times));
        context.Response.StatusCode = 204;
        return Task.CompletedTask;
    }

    private Task ForgetFaults(HttpContext context)
    {
        core.Faults.Forget();
        context.Response.StatusCode = 204;
        return Task.CompletedTask;
    }

    private static Task NotFoundAsync(HttpContext context)
    {
        context.Response.StatusCode = 404;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync("404 page not found\n");
    }

    private static async Task LinesAsync(HttpContext context, IEnumerable<object> lines)
    {
        context.Response.ContentType = "application/x-ndjson";
        foreach (var line in lines)
        {
            await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(line), context.RequestAborted);
            await context.Response.Body.WriteAsync("\n"u8.ToArray(), context.RequestAborted);
        }
    }

    private static object Describe(StoredPoint point) => new
    {
        measurement = point.Measurement,
        tags = point.Tags,
        timestamp_ns = point.TimestampNs,
        fields = point.Fields.ToDictionary(field => field.Key, field => Plain(field.Value)),
        types = point.Fields.ToDictionary(field => field.Key, field => field.Value.Kind.ToString()),
        revisions = point.Revisions,
        writes = point.Writes,
        first_write_ns = point.FirstWriteNs,
    };

    private static object Describe(TelegrafStatistics statistics) => new
    {
        requests = statistics.Requests,
        by_status = statistics.ByStatus.ToDictionary(pair => pair.Key.ToString(CultureInfo.InvariantCulture), pair => pair.Value),
        points = statistics.Points,
        undelivered = statistics.Undelivered,
        largest_batch = statistics.LargestBatch,
    };

    private static object Plain(FieldValue value) => value.Kind switch
    {
        FieldKind.Float => value.Float,
        FieldKind.Integer => value.Integer,
        FieldKind.Unsigned => value.Unsigned,
        FieldKind.Boolean => value.Boolean,
        _ => value.Text ?? "",
    };
}
