using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Protocol.Tests.Transport;

/// <summary>A peer is trusted by the authorities of its file and by no other, over a real handshake.</summary>
public sealed class PeerTrustTests : IDisposable
{
    private static readonly DateTimeOffset NotBefore = TimeProvider.System.GetUtcNow().AddDays(-1);

    private readonly string _folder = Directory.CreateTempSubdirectory("fleetvibe-trust-").FullName;
    private readonly X509Certificate2 _root = Authority("root", null);
    private readonly X509Certificate2 _stranger = Authority("stranger", null);

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        _root.Dispose();
        _stranger.Dispose();
    }

    [Fact]
    public async Task A_certificate_of_the_named_authority_is_trusted() => Assert.True(await HandshakeAsync(_root, [_root], "localhost"));

    [Fact]
    public async Task An_intermediate_that_the_server_sends_completes_the_chain()
    {
        using var intermediate = Authority("intermediate", _root);

        Assert.True(await HandshakeAsync(intermediate, [_root], "localhost", intermediate));
        Assert.False(await HandshakeAsync(intermediate, [_root], "localhost"));
    }

    [Fact]
    public async Task Another_authority_is_refused() => Assert.False(await HandshakeAsync(_stranger, [_root], "localhost"));

    [Fact]
    public async Task Another_name_is_refused() => Assert.False(await HandshakeAsync(_root, [_root], "elsewhere"));

    [Fact]
    public void A_file_without_a_certificate_is_named()
    {
        var path = Path.Combine(_folder, "empty.pem");
        File.WriteAllText(path, "nothing");

        Assert.Contains(path, Assert.Throws<CryptographicException>(() => PeerTrust.CreateHandler(path)).Message, StringComparison.Ordinal);
    }

    private async Task<bool> HandshakeAsync(X509Certificate2 issuer, IEnumerable<X509Certificate2> trusted, string host, params X509Certificate2[] sent)
    {
        var path = Path.Combine(_folder, $"{Guid.NewGuid():N}.pem");
        await File.WriteAllTextAsync(path, string.Join('\n', trusted.Select(certificate => certificate.ExportCertificatePem())));
        using var handler = PeerTrust.CreateHandler(path);
        using var server = Server(issuer);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var accepting = AcceptAsync(listener, SslStreamCertificateContext.Create(server, new X509Certificate2Collection(sent), offline: true));

        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        await using var stream = new SslStream(client.GetStream());
        try
        {
            handler.SslOptions.TargetHost = host;
            await stream.AuthenticateAsClientAsync(handler.SslOptions);
            return true;
        }
        catch (AuthenticationException)
        {
            return false;
        }
        finally
        {
            client.Close();
            await accepting;
        }
    }

    private static async Task AcceptAsync(TcpListener listener, SslStreamCertificateContext context)
    {
        using var connection = await listener.AcceptTcpClientAsync();
        await using var stream = new SslStream(connection.GetStream());
        try
        {
            await stream.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificateContext = context });
            await stream.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            // The client hung up: it did not trust us.
        }
    }

    private static X509Certificate2 Authority(string name, X509Certificate2? issuer)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return issuer is null ? request.CreateSelfSigned(NotBefore, NotBefore.AddDays(30)) : Issued(request, key, issuer);
    }

    private static X509Certificate2 Server(X509Certificate2 issuer)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=server", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        return Issued(request, key, issuer);
    }

    private static X509Certificate2 Issued(CertificateRequest request, ECDsa key, X509Certificate2 issuer)
    {
        using var bare = request.Create(issuer, NotBefore, NotBefore.AddDays(20), RandomNumberGenerator.GetBytes(8));
        return bare.CopyWithPrivateKey(key);
    }
}
