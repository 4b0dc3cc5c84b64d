using System.Reflection;
using System.Text.Json;
using FleetVibe.Dashboard.Feed;
using FleetVibe.Dashboard.Page;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace FleetVibe.Dashboard;

/// <summary>The door of this room.</summary>
public static class DashboardExtensions
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>Serves the page where the settings say.</summary>
    /// <exception cref="InvalidOperationException">Off loopback without TLS or token, and not <c>insecure</c>.</exception>
    public static void AddFleetVibeDashboard(this WebApplicationBuilder builder, DashboardSettings settings)
    {
        ListenExtensions.RequireProtection(settings.Listen);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            ListenExtensions.Listen(kestrel, settings.Listen, HttpProtocols.Http1AndHttp2);
        });
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton<FleetFeed>();
        builder.Services.AddHostedService(services => services.GetRequiredService<FleetFeed>());
    }

    public static void MapFleetVibeDashboard(this WebApplication app)
    {
        var token = app.Services.GetRequiredService<DashboardSettings>().Listen.Token;
        app.Use((context, next) => PageAccess.IsAllowed(context, token) ? next(context) : PageAccess.Refuse(context));
        MapFile(app, "/", "index.html", "text/html; charset=utf-8");
        MapFile(app, "/page.css", "page.css", "text/css; charset=utf-8");
        MapFile(app, "/page.js", "page.js", "text/javascript; charset=utf-8");
        app.MapGet("/api/fleet", (FleetFeed feed, TimeProvider time) => Results.Json(FleetPageModel.From(feed.State, time.GetUtcNow()), Json));
    }

    private static void MapFile(WebApplication app, string path, string resource, string contentType)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!;
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        app.MapGet(path, (HttpContext context) =>
        {
            context.Response.Headers.ContentSecurityPolicy = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'";
            context.Response.Headers.CacheControl = "no-cache";
            context.Response.Headers.XContentTypeOptions = "nosniff";
            return Results.Bytes(content, contentType);
        });
    }
}
