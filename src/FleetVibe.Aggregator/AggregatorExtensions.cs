using Akka.Hosting;
using FleetVibe.Aggregator.Fleet;
using FleetVibe.Aggregator.Gateways;
using FleetVibe.Aggregator.Membership;
using FleetVibe.Aggregator.Sessions;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace FleetVibe.Aggregator;

/// <summary>Adds an aggregator to an application, one to each: sessions, entities, fleet view, query API.</summary>
public static class AggregatorExtensions
{
    /// <summary>Registers the aggregator and opens its gRPC port; the actor system starts and stops with the host.</summary>
    /// <exception cref="InvalidOperationException">A port that others can reach lacks TLS or a token, or an address is missing.</exception>
    public static void AddFleetVibeAggregator(this WebApplicationBuilder builder, AggregatorSettings settings)
    {
        ClusterTls.Load(settings.Cluster);
        builder.ListenForGrpc(settings.Listen);
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(settings);
        services.AddSingleton<AggregatorHandle>();
        services.TryAddSingleton<IGateway>(provider => ActivatorUtilities.CreateInstance<GatewayClient>(provider, settings.Gateways));
        services.AddSingleton<ClusterView>();
        services.AddSingleton<SessionContextSource>();
        services.AddHealthChecks().AddCheck<AggregatorReadiness>("aggregator", tags: ["ready"]);
        services.AddAkka(ClusterNames.System, (akka, provider) => ClusterWiring.Configure(akka, provider));
    }

    /// <summary>Maps what agents and the page call.</summary>
    public static void MapFleetVibeAggregator(this WebApplication app)
    {
        app.MapGrpcService<IngestService>();
        app.MapGrpcService<FleetQueryService>();
    }
}
