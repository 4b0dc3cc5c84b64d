using FleetVibe.Agent;
using FleetVibe.Configuration;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Composition;

/// <summary>The roles of one configuration in one process: started in the order of the data's end to its beginning.</summary>
internal sealed class NodeProcess(FleetVibeSettings settings, RoleHosts hosts, RoleStack stack, TextWriter output) : IReloadable
{
    private AgentControl? _agent;

    /// <exception cref="RoleStartException">A role could not start.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        PeerSettings? localGateway = null;
        PeerSettings? localAggregator = null;
        if (settings.Gateway is { } gateway)
        {
            (localGateway, _) = await StartWithDoorAsync("gateway", gateway.Listen, (role, door) => hosts.Gateway(role, gateway, door), cancellationToken);
        }

        if (settings.Aggregator is { } aggregator)
        {
            var connected = settings.AggregatorUsesLocalGateway ? aggregator with { Gateways = localGateway! } : aggregator;
            (localAggregator, var host) = await StartWithDoorAsync("aggregator", aggregator.Listen, (role, door) => hosts.Aggregator(role, connected, door), cancellationToken);
            if (settings.AgentUsesLocalAggregator)
            {
                await AggregatorStart.UntilReadyAsync(host, cancellationToken);
            }
        }

        if (settings.Agent is { } agent)
        {
            var connected = settings.AgentUsesLocalAggregator ? agent with { Aggregators = localAggregator! } : agent;
            var host = await stack.StartAsync("agent", role => hosts.Agent(role, connected), cancellationToken);
            _agent = host.Services.GetRequiredService<AgentControl>();
            await output.WriteLineAsync($"agent       {connected.Sources.Count} {(connected.Sources.Count == 1 ? "source" : "sources")}{Discoveries(connected)}, reports to {Addresses(connected.Aggregators.Addresses)}");
        }

        if (settings.Dashboard is { } dashboard)
        {
            await new PageStart(hosts, stack, output).StartAsync(dashboard with { Aggregators = localAggregator! }, settings.DashboardPortMayMove, cancellationToken);
        }
    }

    public void Change(FleetVibeSettings changed)
    {
        if (changed.Agent is { } agent)
        {
            _agent?.Change(agent);
        }
    }

    public void ReportRefused(string text) => _agent?.ReportRefused(text);

    private static string Discoveries(AgentSettings agent) => agent.Discoveries.Count switch
    {
        0 => "",
        1 => " and 1 discovery",
        var several => $" and {several} discoveries",
    };

    private async Task<(PeerSettings Peer, IHost Host)> StartWithDoorAsync(string role, ListenSettings listen, Func<string, LocalDoor, IHost> create, CancellationToken cancellationToken)
    {
        var door = new LocalDoor(listen);
        var host = await stack.StartAsync(role, name => create(name, door), cancellationToken);
        await output.WriteLineAsync($"{role,-12}{Addresses(door.OuterAddressesOf(host))}");
        return (door.PeerOf(host), host);
    }

    private static string Addresses(IEnumerable<Uri> addresses) => string.Join(", ", addresses.Select(a => a.GetLeftPart(UriPartial.Authority)));
}
