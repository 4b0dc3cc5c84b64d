using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using FleetVibe.Metrics.LineProtocol;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Simulator.Telegraf;

/// <summary><c>inputs.influxdb_v2_listener</c>: all or nothing, with a limit of undelivered points.</summary>
internal sealed class InfluxDbV2Listener(TelegrafCore core) : TelegrafListener(core)
{
    private const string Scheme = "Token ";

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public override bool IsAuthorized(HttpRequest request)
    {
        if (Core.Settings.Token is not { } token)
        {
            return true;
        }

        // Exact, case and all: "Bearer" and "token" are refused.
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith(Scheme, StringComparison.Ordinal) && token.Matches(header[Scheme.Length..]);
    }

    public override Task UnauthorizedAsync(HttpContext context) => PlainAsync(context, 401, "Unauthorized\n");

    /// <summary>Any method writes; one without a body writes nothing and is told 204.</summary>
    public override async Task WriteAsync(HttpContext context)
    {
        var limit = Core.Settings.MaxBodyBytes;
        if (context.Request.ContentLength > limit)
        {
            await RefuseAsync(context, 413);
            return;
        }

        var fault = Core.Faults.Next();
        var body = await WriteBody.ReadAsync(context.Request, limit, context.RequestAborted);
        if (await Core.StrikeBeforeStoringAsync(context, fault, status => RefuseAsync(context, status)))
        {
            return;
        }

        switch (body.Outcome)
        {
            case BodyOutcome.BadGzipHeader:
                await ErrorAsync(context, "invalid", "gzip: invalid header");
                return;
            case BodyOutcome.OverLimit:
                context.Response.Headers.Connection = "close";
                await ErrorAsync(context, "internal error", TooLarge);
                return;
            case BodyOutcome.UnexpectedEnd:
                await ErrorAsync(context, "internal error", UnexpectedEnd);
                return;
            default:
                break;
        }

        var parsed = LineProtocolReader.Read(body.Bytes.Span);
        if (parsed.Errors.Count > 0)
        {
            Core.CountRefused(parsed.Errors);
            await ErrorAsync(context, "invalid", $"metric parse error: {parsed.Errors[0]}");
            return;
        }

        var status = Core.Accept(body.Bytes.Span, parsed.Points, UnitNs(context.Request.Query["precision"]), bounded: true);
        if (!await Core.StrikeAfterStoringAsync(context, fault))
        {
            // Neither 429 (without a Retry-After) nor this 413 has a body.
            await AnswerAsync(context, status);
        }
    }

    public Task HealthAsync(HttpContext context)
    {
        var waiting = Core.Undelivered;
        return Core.Settings.MaxUndelivered > 0 && waiting >= Core.Settings.MaxUndelivered
            ? JsonAsync(context, 503, $$"""{"name":"telegraf","status":"fail","message":"pending undelivered metrics ({{waiting.ToString(CultureInfo.InvariantCulture)}}) is above limit"}""")
            : JsonAsync(context, 200, """{"name":"telegraf","status":"pass","version":"1.39.3","commit":"simulated","message":"ready for queries and writes"}""");
    }

    public Task ReadyAsync(HttpContext context)
    {
        var up = Core.Now - Core.StartedAt;
        var started = Core.StartedAt.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);
        return JsonAsync(
            context,
            200,
            string.Create(CultureInfo.InvariantCulture, $$"""{"started":"{{started}}","status":"ready","up":"{{(int)up.TotalHours}}h{{up.Minutes}}m{{up.Seconds}}s"}"""));
    }

    private Task RefuseAsync(HttpContext context, int status)
    {
        switch (status)
        {
            case 413:
                SetErrorHeader(context, TooLarge);
                var limit = Core.Settings.MaxBodyBytes.ToString(CultureInfo.InvariantCulture);
                return JsonAsync(context, 413, $$"""{"code":"invalid","maxLength":"{{limit}}","message":"{{TooLarge}}"}""");
            case 400:
                return ErrorAsync(context, "internal error", UnexpectedEnd);
            case 401:
                return UnauthorizedAsync(context);
            default:
                return AnswerAsync(context, status);
        }
    }

    private static Task ErrorAsync(HttpContext context, string code, string message)
    {
        SetErrorHeader(context, message);
        var body = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["code"] = code, ["err"] = message, ["message"] = message, ["op"] = "" };
        return JsonAsync(context, 400, JsonSerializer.Serialize(body, Json));
    }

    private static long UnitNs(string? precision) => precision switch
    {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => 1,
    };
}
