using System.Globalization;
using System.Text;
using FleetVibe.Metrics.LineProtocol;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Simulator.Telegraf;

/// <summary><c>inputs.influxdb_listener</c>: keeps the good lines around a bad one and answers 400.</summary>
internal sealed class InfluxDbV1Listener(TelegrafCore core) : TelegrafListener(core)
{
    public override bool IsAuthorized(HttpRequest request) => HasUser(request, orAsToken: true);

    public override Task UnauthorizedAsync(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Basic realm=\"influxdb\"";
        return PlainAsync(context, 401, "Unauthorized\n");
    }

    public override async Task WriteAsync(HttpContext context)
    {
        context.Response.Headers["X-Influxdb-Version"] = "1.0";
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

        if (body.Outcome == BodyOutcome.BadGzipHeader)
        {
            await ErrorAsync(context, "gzip: invalid header");
            return;
        }

        // It reads as it parses: whole lines before the end of what came are kept, whatever comes after.
        var whole = body.Outcome == BodyOutcome.Whole ? body.Bytes : body.Bytes[..(body.Bytes.Span.LastIndexOf((byte)'\n') + 1)];
        var parsed = LineProtocolReader.Read(whole.Span);
        Core.CountRefused(parsed.Errors);
        Core.Accept(whole.Span, parsed.Points, UnitNs(context.Request.Query["precision"]), bounded: false);
        if (await Core.StrikeAfterStoringAsync(context, fault))
        {
            return;
        }

        await (body.Outcome switch
        {
            BodyOutcome.OverLimit => ErrorAsync(context, TooLarge),
            BodyOutcome.UnexpectedEnd => ErrorAsync(context, UnexpectedEnd),
            _ when parsed.Errors.Count > 0 => ErrorAsync(context, ParseError(parsed.Errors)),
            _ => AnswerAsync(context, 204),
        });
    }

    public static Task QueryAsync(HttpContext context) => JsonAsync(context, 200, """{"results":[]}""");

    public static Task PingAsync(HttpContext context)
    {
        context.Response.Headers["X-Influxdb-Version"] = "1.0";
        context.Response.Headers["X-Influxdb-Build"] = "telegraf";
        return context.Request.Query.ContainsKey("verbose")
            ? JsonAsync(context, 200, """{"version":"1.0"}""")
            : AnswerAsync(context, 204);
    }

    private Task RefuseAsync(HttpContext context, int status)
    {
        switch (status)
        {
            case 413:
                SetErrorHeader(context, TooLarge);
                return JsonAsync(context, 413, $$"""{"error":"{{TooLarge}}"}""");
            case 400:
                return ErrorAsync(context, UnexpectedEnd);
            case 401:
                return UnauthorizedAsync(context);
            default:
                return AnswerAsync(context, status);
        }
    }

    private static Task ErrorAsync(HttpContext context, string message)
    {
        SetErrorHeader(context, message);
        return JsonAsync(context, 400, $$"""{"error":{{GoQuote(message)}}}""");
    }

    /// <summary>Go's %q, which is not always JSON: <c>\x01</c>.</summary>
    private static string GoQuote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            quoted.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                < ' ' or '\x7f' => string.Create(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}"),
                _ => c.ToString(),
            });
        }

        return quoted.Append('"').ToString();
    }

    private static long UnitNs(string? precision) => precision switch
    {
        "u" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => 1,
    };
}
