using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace FleetVibe.Protocol.Transport;

/// <summary>A gRPC channel to one address of a peer: verified TLS, the token on every call, keep-alive pings.</summary>
public static class GrpcPeer
{
    /// <summary>Largest message that is sent or taken, in bytes.</summary>
    public const int MaxMessageBytes = 16 * 1024 * 1024;

    /// <exception cref="InvalidOperationException">Plain http off loopback without <c>insecure = true</c>.</exception>
    public static GrpcChannel CreateChannel(Uri address, PeerSettings peer)
    {
        if (address.Scheme != Uri.UriSchemeHttps && !PeerTrust.IsLoopback(address) && !peer.Insecure)
        {
            throw new InvalidOperationException($"{address} is neither https nor on loopback: use https, or insecure = true");
        }

        var handler = PeerTrust.CreateHandler(peer.CaFile);
        handler.KeepAlivePingDelay = TimeSpan.FromSeconds(10);
        handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(5);
        handler.ConnectTimeout = TimeSpan.FromSeconds(5);
        handler.EnableMultipleHttp2Connections = true;
        return GrpcChannel.ForAddress(address, new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            MaxReceiveMessageSize = MaxMessageBytes,
            MaxSendMessageSize = MaxMessageBytes,
        });
    }

    /// <summary>An invoker that presents the peer's token on every call.</summary>
    public static CallInvoker CreateInvoker(GrpcChannel channel, PeerSettings peer) =>
        peer.Token is null ? channel.CreateCallInvoker() : channel.Intercept(metadata => WithToken(metadata, peer.Token));

    private static Metadata WithToken(Metadata metadata, BearerToken token)
    {
        metadata.Add("authorization", "Bearer " + token.Current);
        return metadata;
    }
}
