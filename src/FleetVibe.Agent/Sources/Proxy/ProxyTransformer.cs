using System.Net.Http.Headers;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Forwarder;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>
/// What a request is changed by on its way: the host is the engine's, the target stays as it was written, the token that
/// the client showed to the proxy goes no further, and the engine's own is added. Answers stay as they are.
/// </summary>
internal sealed class ProxyTransformer(ProxySourceSettings settings) : HttpTransformer
{
    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private readonly string _prefix = settings.Endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/');
    private readonly BearerToken? _engineToken = settings.Token;
    private readonly bool _clientsShowToken = settings.Listen.Token is not null;

    public override async ValueTask TransformRequestAsync(
        HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        proxyRequest.Headers.Host = null;
        if (_clientsShowToken || _engineToken is not null)
        {
            proxyRequest.Headers.Remove(HeaderNames.Authorization);
        }

        if (_engineToken is not null)
        {
            proxyRequest.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _engineToken.Current);
        }

        // Absolute or missing targets, as other proxies send them, are left to the forwarder.
        if (httpContext.Features.Get<IHttpRequestFeature>()?.RawTarget is ['/', ..] target)
        {
            proxyRequest.RequestUri = new Uri(_prefix + target, AsWritten);
        }
    }

    public override async ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        var copies = await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        if (copies && proxyResponse is { StatusCode: System.Net.HttpStatusCode.OK, Content.Headers.ContentLength: null } && !IsGrpc(proxyResponse))
        {
            // A client may wait for the head of a stream that has no token yet.
            await httpContext.Response.Body.FlushAsync(cancellationToken);
        }

        return copies;
    }

    // Its answers may be trailers alone, which a head of their own would break.
    private static bool IsGrpc(HttpResponseMessage response) =>
        response.Content.Headers.ContentType?.MediaType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true;
}
