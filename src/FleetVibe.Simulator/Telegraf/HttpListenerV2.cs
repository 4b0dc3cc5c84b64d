using FleetVibe.Metrics.LineProtocol;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Simulator.Telegraf;

/// <summary><c>inputs.http_listener_v2</c>: all or nothing, and never says what was wrong.</summary>
internal sealed class HttpListenerV2(TelegrafCore core) : TelegrafListener(core)
{
    public override bool IsAuthorized(HttpRequest request) => HasUser(request, orAsToken: false);

    public override Task UnauthorizedAsync(HttpContext context) => PlainAsync(context, 401, "Unauthorized.\n");

    public override async Task WriteAsync(HttpContext context)
    {
        var limit = Core.Settings.MaxBodyBytes;
        if (context.Request.ContentLength > limit)
        {
            await RefuseAsync(context, 413);
            return;
        }

        if (context.Request.Method is not ("POST" or "PUT"))
        {
            await JsonAsync(context, 405, """{"error":"http: method not allowed"}""");
            return;
        }

        // An identity body without a length is not limited; a compressed one is by its plain size.
        var fault = Core.Faults.Next();
        var body = await WriteBody.ReadAsync(context.Request, long.MaxValue, context.RequestAborted);
        if (await Core.StrikeBeforeStoringAsync(context, fault, status => RefuseAsync(context, status)))
        {
            return;
        }

        if (context.Request.Headers.ContentEncoding == "gzip" && body.Bytes.Length > limit)
        {
            await RefuseAsync(context, 413);
            return;
        }

        var parsed = LineProtocolReader.Read(body.Bytes.Span);
        if (body.Outcome != BodyOutcome.Whole || parsed.Errors.Count > 0)
        {
            Core.CountRefused(parsed.Errors);
            await RefuseAsync(context, 400);
            return;
        }

        var status = Core.Accept(body.Bytes.Span, parsed.Points, unitNs: 1, bounded: false);
        if (!await Core.StrikeAfterStoringAsync(context, fault))
        {
            await AnswerAsync(context, status);
        }
    }

    private Task RefuseAsync(HttpContext context, int status) => status switch
    {
        413 => JsonAsync(context, 413, $$"""{"error":"{{TooLarge}}"}"""),
        400 => JsonAsync(context, 400, """{"error":"http: bad request"}"""),
        401 => UnauthorizedAsync(context),
        _ => AnswerAsync(context, status),
    };
}
