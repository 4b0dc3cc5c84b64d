using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace FleetVibe.Simulator.Serving;

/// <summary>A Kestrel with one handler and no logs: the simulated machines speak through what they serve.</summary>
internal static class SmallServer
{
    /// <summary>How long an idle connection stays open, as with a Telegraf: a client that reuses an older one meets a reset.</summary>
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(10);

    /// <returns>The server and its address, with the port that the system chose where it was 0.</returns>
    public static async Task<(WebApplication App, Uri Address)> StartAsync(
        ListenSettings listen, HttpProtocols protocols, RequestDelegate handle, CancellationToken cancellationToken)
    {
        ListenExtensions.RequireProtection(listen);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.KeepAliveTimeout = KeepAlive;
            ListenExtensions.Listen(kestrel, listen, protocols);
        });
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        var app = builder.Build();
        app.Run(handle);
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        var bound = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        var host = listen.Address.Address is null ? "localhost" : bound.Host;
        return (app, new UriBuilder(bound.Scheme, host, bound.Port).Uri);
    }

    /// <summary>Signals belong to the process: a handler of its own for each server would keep a second signal from killing it.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
