using System.Net.Sockets;
using System.Text;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Yarp.ReverseProxy.Forwarder;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>
/// The port of one proxy: forwards every request to the engine and lets an <see cref="Exchange"/> look at the measured
/// ones. It sets no limit of its own to time, size or rate, and holds no byte back. It needs neither actors nor spool.
/// </summary>
internal sealed class ProxyServer(ProxySourceSettings settings, MeasuredQueue queue, TimeProvider time) : IAsyncDisposable
{
    private const int MostOfRequest = 1 << 20;
    private static readonly TimeSpan ReadRequestFor = TimeSpan.FromSeconds(1);

    // Common engines close a quiet connection after 5 s, and would meet a request half-way.
    private static readonly TimeSpan KeepQuietConnections = TimeSpan.FromSeconds(4);

    private static readonly ForwarderRequestConfig Unlimited = new() { ActivityTimeout = Timeout.InfiniteTimeSpan };

    private readonly ProxyTransformer _transformer = new(settings);
    private readonly string _engine = settings.Endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/');
    private HttpMessageInvoker? _invoker;
    private IHttpForwarder? _forwarder;
    private WebApplication? _app;

    /// <summary>Where it listens; known once it has started.</summary>
    public Uri Address => new(_app!.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First());

    /// <exception cref="InvalidOperationException">It cannot listen, or what it needs cannot be read: names the thing and the cure.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        ListenExtensions.RequireProtection(settings.Listen);
        _ = settings.Listen.Token?.Current;
        _ = settings.Token?.Current;
        _invoker = new HttpMessageInvoker(CreateHandler());
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "fleetvibe" });
        builder.WebHost.UseKestrel().ConfigureKestrel(ConfigureKestrel);
        builder.Services.AddHttpForwarder();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        _app = builder.Build();
        _forwarder = _app.Services.GetRequiredService<IHttpForwarder>();
        _app.Run(HandleAsync);
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new InvalidOperationException(
                $"the proxy before {FetchErrors.Place(settings.Endpoint)} cannot listen on {settings.Listen.Address} ({e.GetBaseException().Message.TrimEnd('.')}): set listen of that source to a free port of this machine", e);
        }
    }

    /// <summary>Takes no more requests, and lets those on their way end until the token says that it is enough.</summary>
    public Task StopAsync(CancellationToken enough) => _app?.StopAsync(enough) ?? Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }

        _invoker?.Dispose();
    }

    private SocketsHttpHandler CreateHandler()
    {
        var handler = PeerTrust.CreateHandler(settings.CaFile);
        handler.UseProxy = false;
        handler.ActivityHeadersPropagator = null;
        handler.EnableMultipleHttp2Connections = true;
        handler.PooledConnectionIdleTimeout = KeepQuietConnections;
        handler.RequestHeaderEncodingSelector = (_, _) => Encoding.Latin1;
        handler.ResponseHeaderEncodingSelector = (_, _) => Encoding.Latin1;
        return handler;
    }

    private void ConfigureKestrel(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        ListenExtensions.Listen(kestrel, settings.Listen, HttpProtocols.Http1AndHttp2);
    }

    private Task HandleAsync(HttpContext context)
    {
        if (!ProxyAccess.IsAllowed(context, settings.Listen.Token))
        {
            return ProxyAccess.RefuseAsync(context);
        }

        return MeasuredPaths.Contains(context.Request.Method, context.Request.Path) && Exchange.Begin(settings, queue, time, context) is { } exchange
            ? MeasureAsync(context, exchange)
            : ForwardAsync(context).AsTask();
    }

    private async Task MeasureAsync(HttpContext context, Exchange exchange)
    {
        var plain = context.Features.Get<IHttpResponseBodyFeature>();
        context.Request.Body = new ObservedRequestBody(context.Request.Body, exchange);
        context.Response.Body = new ObservedAnswerBody(context.Response.Body, exchange);
        var error = ForwarderError.None;
        try
        {
            error = await ForwardAsync(context);
        }
        finally
        {
            context.Features.Set(plain);
            if (exchange.LacksModel && !context.RequestAborted.IsCancellationRequested)
            {
                await ReadRequestAsync(context);
            }

            exchange.End(error);
        }
    }

    private async ValueTask<ForwarderError> ForwardAsync(HttpContext context)
    {
        var error = await _forwarder!.SendAsync(context, _engine, _invoker!, Unlimited, _transformer);
        if (error == ForwarderError.Request && !context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            await ProxyAccess.EngineIsAwayAsync(context, settings.Endpoint.Authority);
        }

        return error;
    }

    // The engine was away or would not read: the client has its answer, and the model's name still stands in the request.
    private async Task ReadRequestAsync(HttpContext context)
    {
        try
        {
            await context.Response.CompleteAsync();
            using var enough = new CancellationTokenSource(ReadRequestFor, time);
            var buffer = new byte[16 * 1024];
            var left = MostOfRequest;
            while (left > 0 && await context.Request.Body.ReadAsync(buffer, enough.Token) is > 0 and var read)
            {
                left -= read;
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException)
        {
            // Then nobody knows the model, which is counted.
        }
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
