using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Agent.Tests.Sources.Proxy;

/// <summary>TLS on both sides, HTTP/2 on both, and what only that carries.</summary>
public sealed class ProxyTlsTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly X509Certificate2 _certificate = SelfSigned();

    public void Dispose()
    {
        _certificate.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Trailers_and_the_version_pass()
    {
        string? seen = null;
        var tokens = "unseen";
        var certFile = Write("server.pem", _certificate.ExportCertificatePem());
        var keyFile = Write("server.key", _certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        using var handler = new SocketsHttpHandler { UseProxy = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) => shown!.GetCertHashString() == _certificate.GetCertHashString();
        await using var proxy = await TestProxy.StartAsync(
            async context =>
            {
                seen = context.Request.Protocol;
                tokens = context.Request.Headers.Authorization.ToString();
                context.Response.DeclareTrailer("X-Sum");
                await context.Response.WriteAsync("""{"model":"m","response":"a","done":true,"eval_count":4}""");
                context.Response.AppendTrailer("X-Sum", "7");
            },
            settings => settings with
            {
                CaFile = certFile,
                Listen = settings.Listen with { CertFile = certFile, KeyFile = keyFile, Token = BearerToken.FromText("client") },
            },
            handler,
            _certificate);

        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/generate")
        {
            Content = new StringContent("""{"model":"m"}""", Encoding.UTF8, "application/json"),
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Authorization = new("Bearer", "client");
        using var answer = await proxy.Client.SendAsync(request);

        Assert.Equal((HttpStatusCode.OK, "HTTP/2"), (answer.StatusCode, seen));

        // The token opens the proxy, and is none of the engine's business.
        Assert.Equal("", tokens);
        Assert.Equal("""{"model":"m","response":"a","done":true,"eval_count":4}""", await answer.Content.ReadAsStringAsync());
        Assert.Equal(["7"], answer.TrailingHeaders.GetValues("X-Sum"));
        var measured = await proxy.OneMeasuredAsync();
        Assert.Equal((RequestOutcome.Success, "m"), (measured.Outcome, measured.Series.Model));
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder.Path, name);
        File.WriteAllText(path, text);
        return path;
    }
}
