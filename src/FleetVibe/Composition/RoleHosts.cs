using FleetVibe.Agent;
using FleetVibe.Aggregator;
using FleetVibe.Dashboard;
using FleetVibe.Gateway;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Composition;

/// <summary>One host for each role.</summary>
internal sealed class RoleHosts(LogLevel level)
{
    public IHost Gateway(GatewaySettings settings, LocalDoor door)
    {
        var builder = HostDefaults.CreateWebBuilder(level);
        door.AddTo(builder);
        builder.AddFleetVibeGateway(settings);
        var app = builder.Build();
        app.MapFleetVibeGateway();
        return app;
    }

    public IHost Aggregator(AggregatorSettings settings, LocalDoor door)
    {
        var builder = HostDefaults.CreateWebBuilder(level);
        door.AddTo(builder);
        builder.AddFleetVibeAggregator(settings);
        var app = builder.Build();
        app.MapFleetVibeAggregator();
        return app;
    }

    public IHost Agent(AgentSettings settings)
    {
        var builder = HostDefaults.CreateBuilder(level);
        builder.Services.AddFleetVibeAgent(settings);
        return builder.Build();
    }

    public IHost Dashboard(DashboardSettings settings)
    {
        var builder = HostDefaults.CreateWebBuilder(level);
        builder.AddFleetVibeDashboard(settings);
        var app = builder.Build();
        app.MapFleetVibeDashboard();
        return app;
    }
}
