using System.Net;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace FleetVibe.Composition;

/// <summary>
/// How the roles of one process reach a role in it: over the same gRPC, on loopback, with the role's own token. A role
/// that listens for other machines gets a second port for it, because its certificate names no loopback address.
/// </summary>
internal sealed class LocalDoor(ListenSettings listen)
{
    private ListenOptions? _ownPort;

    private bool IsSharedPort => listen.Address.IsLoopback && listen.CertFile is null;

    public void AddTo(WebApplicationBuilder builder)
    {
        if (!IsSharedPort)
        {
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, options =>
            {
                options.Protocols = HttpProtocols.Http2;
                _ownPort = options;
            }));
        }
    }

    /// <summary>The peer, once the host listens.</summary>
    public PeerSettings PeerOf(IHost started)
    {
        var address = _ownPort is { IPEndPoint: { } endPoint } ? new Uri($"http://127.0.0.1:{endPoint.Port}") : AddressesOf(started).Single();
        return new PeerSettings { Addresses = [address], Token = listen.Token };
    }

    /// <summary>Where a host listens for others than its own process.</summary>
    public IReadOnlyList<Uri> OuterAddressesOf(IHost started) =>
        [.. AddressesOf(started).Where(a => _ownPort?.IPEndPoint is not { } own || a.Port != own.Port)];

    public static IReadOnlyList<Uri> AddressesOf(IHost started) =>
        [.. started.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(a => new Uri(a))];
}
