using FleetVibe.Configuration;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Composition;

/// <summary>The roles of one configuration in one process: started in the order of the data's end to its beginning.</summary>
internal sealed class NodeProcess(FleetVibeSettings settings, RoleHosts hosts, RoleStack stack, TextWriter output)
{
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
            await new PageStart(hosts, stack, output).StartAsync(dashboard with { Aggregators = localAggregator! }, settings.DashboardPortMayMove, cancellationToken);
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
