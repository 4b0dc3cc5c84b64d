using FleetVibe.Configuration;
using FleetVibe.Dashboard;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Composition;

/// <summary>The roles of one configuration in one process: started in the order of the data's end to its beginning.</summary>
internal sealed class NodeProcess(FleetVibeSettings settings, RoleHosts hosts, RoleStack stack, TextWriter output)
{
    private const int PagePortsTried = 20;

    /// <exception cref="RoleStartException">A role could not start.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        PeerSettings? localGateway = null;
        PeerSettings? localAggregator = null;
        if (settings.Gateway is { } gateway)
        {
            localGateway = await StartWithDoorAsync("gateway", gateway.Listen, door => hosts.Gateway(gateway, door), cancellationToken);
        }

        if (settings.Aggregator is { } aggregator)
        {
            var connected = settings.AggregatorUsesLocalGateway ? aggregator with { Gateways = localGateway! } : aggregator;
            localAggregator = await StartWithDoorAsync("aggregator", aggregator.Listen, door => hosts.Aggregator(connected, door), cancellationToken);
        }

        if (settings.Agent is { } agent)
        {
            var connected = settings.AgentUsesLocalAggregator ? agent with { Aggregators = localAggregator! } : agent;
            await stack.StartAsync("agent", () => hosts.Agent(connected), cancellationToken);
            await output.WriteLineAsync($"agent       {connected.Sources.Count} {(connected.Sources.Count == 1 ? "source" : "sources")}, reports to {Addresses(connected.Aggregators.Addresses)}");
        }

        if (settings.Dashboard is { } dashboard)
        {
            await StartPageAsync(dashboard with { Aggregators = localAggregator! }, settings.DashboardPortMayMove, cancellationToken);
        }
    }

    /// <summary>Serves the page; where its port is taken and may move, on the next free one.</summary>
    public async Task<Uri> StartPageAsync(DashboardSettings dashboard, bool portMayMove, CancellationToken cancellationToken)
    {
        for (var tried = 0; ; tried++)
        {
            var address = dashboard.Listen.Address with { Port = dashboard.Listen.Address.Port + tried };
            var attempt = dashboard with { Listen = dashboard.Listen with { Address = address } };
            try
            {
                var host = await stack.StartAsync("page", () => hosts.Dashboard(attempt), cancellationToken);
                var url = LocalDoor.AddressesOf(host)[0];
                await output.WriteLineAsync($"page        {url.ToString().TrimEnd('/')}");
                return url;
            }
            catch (RoleStartException e) when (portMayMove && tried < PagePortsTried && RoleStack.IsPortTaken(e))
            {
                await output.WriteLineAsync($"warning: port {address.Port} of the page is taken, trying {address.Port + 1}");
            }
        }
    }

    private async Task<PeerSettings> StartWithDoorAsync(string role, ListenSettings listen, Func<LocalDoor, IHost> create, CancellationToken cancellationToken)
    {
        var door = new LocalDoor(listen);
        var host = await stack.StartAsync(role, () => create(door), cancellationToken);
        await output.WriteLineAsync($"{role,-12}{Addresses(door.OuterAddressesOf(host))}");
        return door.PeerOf(host);
    }

    private static string Addresses(IEnumerable<Uri> addresses) => string.Join(", ", addresses.Select(a => a.GetLeftPart(UriPartial.Authority)));
}
