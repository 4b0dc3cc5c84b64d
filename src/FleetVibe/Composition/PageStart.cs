using FleetVibe.Dashboard;

namespace FleetVibe.Composition;

/// <summary>Opens the page's port.</summary>
internal sealed class PageStart(RoleHosts hosts, RoleStack stack, TextWriter output)
{
    private const int PortsTried = 20;

    /// <summary>Serves the page; where its port is taken and may move, on the next free one.</summary>
    public async Task<Uri> StartAsync(DashboardSettings dashboard, bool portMayMove, CancellationToken cancellationToken)
    {
        for (var tried = 0; ; tried++)
        {
            var address = dashboard.Listen.Address with { Port = dashboard.Listen.Address.Port + tried };
            var attempt = dashboard with { Listen = dashboard.Listen with { Address = address } };
            try
            {
                var host = await stack.StartAsync("page", role => hosts.Dashboard(role, attempt), cancellationToken);
                var url = LocalDoor.AddressesOf(host)[0];
                await output.WriteLineAsync($"page        {url.ToString().TrimEnd('/')}");
                return url;
            }
            catch (RoleStartException e) when (portMayMove && tried < PortsTried && RoleStack.IsPortTaken(e))
            {
                await output.WriteLineAsync($"warning: port {address.Port} of the page is taken, trying {address.Port + 1}");
            }
        }
    }
}
