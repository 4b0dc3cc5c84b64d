using FleetVibe.Agent;
using FleetVibe.Aggregator;
using FleetVibe.Dashboard;
using FleetVibe.Gateway;

namespace FleetVibe.Composition;

/// <summary>One host for each role.</summary>
internal sealed class RoleHosts(LogRules logs)
{
    public IHost Gateway(string role, GatewaySettings settings, LocalDoor door)
    {
        var builder = RoleBuilders.CreateWebBuilder(role, logs);
        door.AddTo(builder);
        builder.AddFleetVibeGateway(settings);
        var app = builder.Build();
        app.MapFleetVibeGateway();
        return app;
    }

    public IHost Aggregator(string role, AggregatorSettings settings, LocalDoor door)
    {
        var builder = RoleBuilders.CreateWebBuilder(role, logs);
        door.AddTo(builder);
        builder.AddFleetVibeAggregator(settings);
        var app = builder.Build();
        app.MapFleetVibeAggregator();
        return app;
    }

    public IHost Agent(string role, AgentSettings settings)
    {
        var builder = RoleBuilders.CreateBuilder(role, logs);
        builder.Services.AddFleetVibeAgent(settings);
        return builder.Build();
    }

    public IHost Dashboard(string role, DashboardSettings settings)
    {
        var builder = RoleBuilders.CreateWebBuilder(role, logs);
        builder.AddFleetVibeDashboard(settings);
        var app = builder.Build();
        app.MapFleetVibeDashboard();
        return app;
    }
}
