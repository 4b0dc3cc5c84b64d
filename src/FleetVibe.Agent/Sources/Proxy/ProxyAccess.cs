using FleetVibe.Protocol.Transport;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>Who may use the proxy, and what the others are told, in the form in which engines tell it.</summary>
internal static class ProxyAccess
{
    private const string Scheme = "Bearer ";

    public static bool IsAllowed(HttpContext context, BearerToken? token)
    {
        if (token is null)
        {
            return true;
        }

        var header = context.Request.Headers.Authorization.ToString();
        return header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) && token.Matches(header[Scheme.Length..].Trim());
    }

    public static Task RefuseAsync(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return TellAsync(context, StatusCodes.Status401Unauthorized, "authentication_error", "the proxy before this engine wants a bearer token");
    }

    public static Task EngineIsAwayAsync(HttpContext context, string engine) =>
        TellAsync(context, context.Response.StatusCode, "bad_gateway", $"the engine at {engine} does not answer");

    private static Task TellAsync(HttpContext context, int status, string type, string message)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(new { error = new { code = status, type, message } });
    }
}
