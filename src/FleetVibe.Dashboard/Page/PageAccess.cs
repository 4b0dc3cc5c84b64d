using System.Text;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Dashboard.Page;

/// <summary>
/// Who may see the page: everybody on loopback without a token; else a bearer token, or the same token as the password
/// of HTTP Basic, which is what a browser asks for.
/// </summary>
internal static class PageAccess
{
    public static bool IsAllowed(HttpContext context, BearerToken? token) =>
        token is null || (Presented(context.Request.Headers.Authorization.ToString()) is { } presented && token.Matches(presented));

    public static Task Refuse(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        context.Response.Headers.WWWAuthenticate = "Basic realm=\"fleetvibe\", charset=\"UTF-8\"";
        return context.Response.WriteAsync("The page wants its token: as a bearer token, or as the password with any user name.\n");
    }

    internal static string? Presented(string header)
    {
        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return header["Bearer ".Length..].Trim();
        }

        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var buffer = new byte[header.Length];
        if (!Convert.TryFromBase64String(header["Basic ".Length..].Trim(), buffer, out var written))
        {
            return null;
        }

        var pair = Encoding.UTF8.GetString(buffer, 0, written);
        var colon = pair.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? null : pair[(colon + 1)..];
    }
}
