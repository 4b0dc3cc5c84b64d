using System.Security.Cryptography.X509Certificates;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Agent.Tests.Sources.Http;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Agent.Tests.Sources.Proxy;

/// <summary>An engine that a delegate plays, the proxy before it, and a client of the proxy, all on loopback.</summary>
internal sealed class TestProxy : IAsyncDisposable
{
    private readonly ProxyServer _server;

    private TestProxy(LoopbackServer? engine, ProxyServer server, MeasuredQueue queue, HttpMessageHandler handler)
    {
        (Engine, _server, Queue) = (engine, server, queue);
        Client = new HttpClient(handler) { BaseAddress = server.Address, Timeout = TimeSpan.FromSeconds(60) };
    }

    public static ProxySourceSettings Settings { get; } = new()
    {
        Endpoint = new Uri("http://127.0.0.1:8080"),
        Listen = new ListenSettings { Address = ListenAddress.Ephemeral },
    };

    public LoopbackServer? Engine { get; }

    public HttpClient Client { get; }

    public MeasuredQueue Queue { get; }

    public static Task<TestProxy> StartAsync(
        RequestDelegate answer, Func<ProxySourceSettings, ProxySourceSettings>? change = null, TimeProvider? time = null) =>
        StartAsync(answer, change, time, new SocketsHttpHandler { UseProxy = false }, null);

    /// <summary>TLS on both sides.</summary>
    public static Task<TestProxy> StartAsync(
        RequestDelegate answer, Func<ProxySourceSettings, ProxySourceSettings> change, HttpMessageHandler handler, X509Certificate2 certificate) =>
        StartAsync(answer, change, null, handler, certificate);

    public static Task<TestProxy> StartWithoutEngineAsync(Func<ProxySourceSettings, ProxySourceSettings>? change = null) =>
        StartAsync(null, new Uri("http://127.0.0.1:1"), change, null, new SocketsHttpHandler { UseProxy = false });

    /// <summary>What was measured: waits until every request is over, which ends the proxy.</summary>
    public async Task<MeasuredBatch> MeasuredAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30), TimeProvider.System);
        await _server.StopAsync(limit.Token);
        return Queue.Take(int.MaxValue, withStatus: true);
    }

    public async Task<RequestObservation> OneMeasuredAsync() => Assert.Single((await MeasuredAsync()).Requests);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.DisposeAsync();
        if (Engine is not null)
        {
            await Engine.DisposeAsync();
        }
    }

    private static async Task<TestProxy> StartAsync(
        RequestDelegate answer, Func<ProxySourceSettings, ProxySourceSettings>? change, TimeProvider? time, HttpMessageHandler handler, X509Certificate2? certificate)
    {
        var engine = await LoopbackServer.StartAsync(answer, certificate);
        var address = certificate is null ? engine.Address : new UriBuilder(engine.Address) { Scheme = Uri.UriSchemeHttps }.Uri;
        return await StartAsync(engine, address, change, time, handler);
    }

    private static async Task<TestProxy> StartAsync(
        LoopbackServer? engine, Uri address, Func<ProxySourceSettings, ProxySourceSettings>? change, TimeProvider? time, HttpMessageHandler handler)
    {
        var settings = Settings with { Endpoint = address };
        settings = change?.Invoke(settings) ?? settings;
        var queue = new MeasuredQueue(settings, Guid.NewGuid());
        var server = new ProxyServer(settings, queue, time ?? TimeProvider.System);
        await server.StartAsync(CancellationToken.None);
        return new TestProxy(engine, server, queue, handler);
    }
}
