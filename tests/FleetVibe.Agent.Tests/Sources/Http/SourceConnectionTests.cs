using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Http;
using Microsoft.AspNetCore.Http;
using static FleetVibe.Agent.Tests.Sources.Http.Fetching;

namespace FleetVibe.Agent.Tests.Sources.Http;

/// <summary>Connections that do not come about, are not trusted, break off or fall silent.</summary>
public class SourceConnectionTests
{
    [Fact]
    public async Task A_connection_lost_in_the_middle_of_a_page_is_no_page()
    {
        var outcome = await FetchAsync(async context =>
        {
            context.Response.ContentLength = 1000;
            await context.Response.WriteAsync("vllm:a 1\n");
            await context.Response.Body.FlushAsync();
            context.Abort();
        });
        Assert.Equal(ErrorClass.Connect, outcome.Error);
    }

    [Fact]
    public async Task An_answer_that_does_not_come_is_a_timeout()
    {
        using var never = new SemaphoreSlim(0);
        var outcome = await FetchAsync(
            context => never.WaitAsync(context.RequestAborted), s => s with { Timeout = TimeSpan.FromMilliseconds(100) });
        Assert.Equal(ErrorClass.Timeout, outcome.Error);
    }

    [Fact]
    public async Task A_body_that_stalls_is_a_timeout()
    {
        using var never = new SemaphoreSlim(0);
        var outcome = await FetchAsync(
            async context =>
            {
                await context.Response.WriteAsync("vllm:a 1\n");
                await context.Response.Body.FlushAsync();
                await never.WaitAsync(context.RequestAborted);
            },
            s => s with { Timeout = TimeSpan.FromMilliseconds(100) });
        Assert.Equal(ErrorClass.Timeout, outcome.Error);
    }

    [Fact]
    public async Task Nobody_listening_is_a_refused_connection_that_names_the_place()
    {
        var server = await LoopbackServer.StartAsync(_ => Task.CompletedTask);
        await server.DisposeAsync();
        var outcome = await FetchAsync(Settings(new Uri(server.Address, "/metrics")));
        Assert.Equal(ErrorClass.Connect, outcome.Error);
        Assert.Contains(server.Address.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), outcome.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_without_an_address_is_a_dns_error()
    {
        var outcome = await FetchAsync(Settings(new Uri("http://no-such-host.invalid:8000/metrics")));
        Assert.Equal(ErrorClass.Dns, outcome.Error);
    }

    [Fact]
    public async Task A_certificate_is_verified_unless_its_authority_is_named()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        await using var server = await LoopbackServer.StartAsync(c => c.Response.WriteAsync("a 1\n"), certificate);
        var address = new UriBuilder(server.Address) { Scheme = "https", Path = "/metrics" }.Uri;

        var refused = await FetchAsync(Settings(address));
        Assert.Equal(ErrorClass.Tls, refused.Error);
        Assert.Contains("ca_file", refused.Text, StringComparison.Ordinal);

        var file = Path.Combine(Path.GetTempPath(), $"fleetvibe-{Guid.NewGuid():N}.pem");
        try
        {
            var settings = Settings(address) with { CaFile = file };
            using var client = new SourceClient(settings, Wanted, TimeProvider.System);
            var missing = await client.FetchAsync(CancellationToken.None);
            Assert.Equal(ErrorClass.Tls, missing.Error);
            Assert.Contains(file, missing.Text, StringComparison.Ordinal);

            // Once the file is there the same source reads on.
            await File.WriteAllTextAsync(file, certificate.ExportCertificatePem());
            Assert.Equal("a 1\n", Text(await client.FetchAsync(CancellationToken.None)));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task What_does_not_speak_http_is_wrong_content()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var served = Task.Run(async () =>
        {
            using var peer = await listener.AcceptTcpClientAsync();
            await peer.GetStream().WriteAsync(Encoding.ASCII.GetBytes("SSH-2.0-OpenSSH_9.6\r\n"));
            var buffer = new byte[4096];
            while (await peer.GetStream().ReadAsync(buffer) > 0)
            {
            }
        });
        var outcome = await FetchAsync(Settings(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/")));
        Assert.Equal(ErrorClass.WrongContent, outcome.Error);
        await served;
    }
}
