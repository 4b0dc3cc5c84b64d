using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using FleetVibe.Metrics.LineProtocol;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Simulator.Telegraf;

/// <summary>What one of Telegraf's listener inputs does with a write. Stateless.</summary>
internal abstract class TelegrafListener(TelegrafCore core)
{
    protected const string TooLarge = "http: request body too large";
    protected const string UnexpectedEnd = "unexpected EOF";

    protected TelegrafCore Core { get; } = core;

    /// <summary>Whether a request carries what this listener wants.</summary>
    public abstract bool IsAuthorized(HttpRequest request);

    public abstract Task WriteAsync(HttpContext context);

    public abstract Task UnauthorizedAsync(HttpContext context);

    /// <summary>Whether the user and password of the settings, if any, are there.</summary>
    protected bool HasUser(HttpRequest request, bool orAsToken)
    {
        if (Core.Settings is not { Username: { } user, Password: { } password })
        {
            return true;
        }

        if (!AuthenticationHeaderValue.TryParse(request.Headers.Authorization, out var header) || header.Parameter is null)
        {
            return false;
        }

        string credentials;
        if (orAsToken && header.Scheme == "Token")
        {
            credentials = header.Parameter;
        }
        else if (header.Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase))
        {
            var bytes = new byte[header.Parameter.Length];
            if (!Convert.TryFromBase64String(header.Parameter, bytes, out var length))
            {
                return false;
            }

            credentials = Encoding.UTF8.GetString(bytes, 0, length);
        }
        else
        {
            return false;
        }

        return credentials.StartsWith(user + ":", StringComparison.Ordinal) && password.Matches(credentials[(user.Length + 1)..]);
    }

    protected static Task AnswerAsync(HttpContext context, int status, string contentType = "", string body = "")
    {
        context.Response.StatusCode = status;
        if (body.Length == 0)
        {
            return Task.CompletedTask;
        }

        var bytes = Encoding.UTF8.GetBytes(body);
        context.Response.ContentType = contentType;
        context.Response.ContentLength = bytes.Length;
        return context.Response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
    }

    protected static Task PlainAsync(HttpContext context, int status, string body) =>
        AnswerAsync(context, status, "text/plain; charset=utf-8", body);

    protected static Task JsonAsync(HttpContext context, int status, string body) =>
        AnswerAsync(context, status, "application/json", body);

    /// <summary>The header in which InfluxDB's clients look for the error; a header holds no line break.</summary>
    protected static void SetErrorHeader(HttpContext context, string message) =>
        context.Response.Headers["X-Influxdb-Error"] =
            new string([.. message.Select(c => c is < ' ' or '\x7f' ? ' ' : c > '\x7f' ? '?' : c)]);

    protected static string ParseError(IReadOnlyList<LineProtocolError> errors)
    {
        var others = errors.Count switch
        {
            1 => "",
            2 => " (and 1 other parse error)",
            _ => string.Create(CultureInfo.InvariantCulture, $" (and {errors.Count - 1} other parse errors)"),
        };
        return $"metric parse error: {errors[0]}{others}";
    }
}
