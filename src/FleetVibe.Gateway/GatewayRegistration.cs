using FleetVibe.Gateway.Delivery;
using FleetVibe.Gateway.Service;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway;

/// <summary>The public door of the gateway.</summary>
public static class GatewayRegistration
{
    /// <summary>
    /// Adds commit log, outbox and delivery, and opens the port. The clock is the registered <see cref="TimeProvider"/>, or the system's.
    /// </summary>
    /// <exception cref="InvalidOperationException">The port lacks TLS or a token, or a secret would go to Telegraf over plain http.</exception>
    public static void AddFleetVibeGateway(this WebApplicationBuilder builder, GatewaySettings settings)
    {
        _ = new WriteEndpoint(settings.Telegraf);
        builder.ListenForGrpc(settings.Listen);
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(settings);
        services.AddSingleton(provider => DatabaseCommitLog.Open(
            settings, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<DatabaseCommitLog>>()));
        services.AddSingleton<ICommitLog>(provider => provider.GetRequiredService<DatabaseCommitLog>());
        services.AddSingleton<IOutbox>(provider => provider.GetRequiredService<DatabaseCommitLog>());
        services.AddSingleton<DeliveryStatus>();
        services.AddHostedService<Housekeeping>();
        services.AddHostedService<RollUpLoop>();
        services.AddHostedService(provider => new Deliverer(
            provider.GetRequiredService<IOutbox>(),
            settings.Telegraf,
            provider.GetRequiredService<DeliveryStatus>(),
            provider.GetRequiredService<TimeProvider>(),
            JitterOf(provider.GetRequiredService<ICommitLog>().Identity, settings.Name),
            provider.GetRequiredService<ILogger<Deliverer>>()));
    }

    /// <summary>Serves the commit log.</summary>
    public static void MapFleetVibeGateway(this WebApplication app) => app.MapGrpcService<CommitLogService>();

    // Differs between gateways, also those of one log, so that two do not hammer in step; the same for one gateway.
    private static Random JitterOf(LogIdentity identity, string name) => new(name.Aggregate(
        int.Parse(identity.LogId.AsSpan(0, 7), System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture),
        (seed, letter) => unchecked((seed * 31) + letter)));
}
