using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace FleetVibe.Protocol.Transport;

/// <summary>One way to open a port: TLS and a token off loopback, or a start that fails and says why.</summary>
public static class ListenExtensions
{
    /// <summary>Serves gRPC (HTTP/2) as the settings say, with the token required on every call where there is one.</summary>
    /// <exception cref="InvalidOperationException">Off loopback without TLS or token, and not <c>insecure</c>.</exception>
    public static void ListenForGrpc(this WebApplicationBuilder builder, ListenSettings settings)
    {
        RequireProtection(settings);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            Listen(kestrel, settings, HttpProtocols.Http2);
        });
        builder.Services.AddGrpc(options =>
        {
            options.MaxReceiveMessageSize = GrpcPeer.MaxMessageBytes;
            options.MaxSendMessageSize = GrpcPeer.MaxMessageBytes;
            if (settings.Token is not null)
            {
                options.Interceptors.Add<BearerServerInterceptor>(settings.Token);
            }
        });
    }

    /// <summary>Opens the port for the given HTTP versions.</summary>
    public static void Listen(KestrelServerOptions kestrel, ListenSettings settings, HttpProtocols protocols)
    {
        var certificate = settings.CertFile is null ? null : LoadCertificate(settings.CertFile, settings.KeyFile);
        void Configure(ListenOptions listen)
        {
            listen.Protocols = protocols;
            if (certificate is not null)
            {
                listen.UseHttps(certificate);
            }
        }

        if (settings.Address.Address is null)
        {
            kestrel.ListenAnyIP(settings.Address.Port, Configure);
        }
        else
        {
            kestrel.Listen(settings.Address.Address, settings.Address.Port, Configure);
        }
    }

    /// <summary>Fails where a port that others can reach has no TLS or no token.</summary>
    public static void RequireProtection(ListenSettings settings)
    {
        if (!settings.Address.IsLoopback && !settings.Insecure && (settings.CertFile is null || settings.Token is null))
        {
            throw new InvalidOperationException(
                $"listen = \"{settings.Address}\" can be reached from other machines, so it needs cert_file, key_file and token_file (or insecure = true)");
        }
    }

    /// <summary>A certificate with its key, both PEM; the key may stand in the same file.</summary>
    public static X509Certificate2 LoadCertificate(string certFile, string? keyFile) =>
        X509Certificate2.CreateFromPemFile(certFile, keyFile ?? certFile);
}
