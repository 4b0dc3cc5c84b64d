using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Protocol.Transport;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Agent.Tests.Sources.Http;

public class SourceClientTests
{
    private static readonly PageWanted Wanted = new("text/plain;version=0.0.4,*/*;q=0.1", "start it without --disable-log-stats");

    private static async Task<FetchOutcome> FetchAsync(HttpSourceSettings settings)
    {
        using var client = new SourceClient(settings, Wanted, TimeProvider.System);
        return await client.FetchAsync(CancellationToken.None);
    }

    private static VllmSourceSettings Settings(Uri endpoint) => new() { Endpoint = endpoint, Timeout = TimeSpan.FromSeconds(20), Interval = TimeSpan.FromSeconds(60) };

    private static async Task<FetchOutcome> FetchAsync(RequestDelegate answer, Func<VllmSourceSettings, VllmSourceSettings>? with = null)
    {
        await using var server = await LoopbackServer.StartAsync(answer);
        var settings = Settings(new Uri(server.Address, "/metrics"));
        return await FetchAsync(with?.Invoke(settings) ?? settings);
    }

    private static string Text(FetchOutcome outcome) => Encoding.UTF8.GetString(outcome.Page!.Body.Span);

    [Fact]
    public async Task A_page_comes_with_token_headers_and_an_accept_without_openmetrics()
    {
        IHeaderDictionary seen = new HeaderDictionary();
        var outcome = await FetchAsync(
            async context =>
            {
                seen = new HeaderDictionary(context.Request.Headers.ToDictionary());
                context.Response.ContentType = "text/plain; version=1.0.0; charset=utf-8";
                await context.Response.WriteAsync("a 1\n");
            },
            s => s with { Token = BearerToken.FromText("secret"), Headers = new Dictionary<string, string> { ["X-Scope"] = "blue" } });
        Assert.Null(outcome.Error);
        Assert.Equal(("a 1\n", "text/plain"), (Text(outcome), outcome.Page!.MediaType));
        Assert.Equal("Bearer secret", seen.Authorization.ToString());
        Assert.Equal("blue", seen["X-Scope"].ToString());
        Assert.Equal("text/plain;version=0.0.4,*/*;q=0.1", seen.Accept.ToString());
        Assert.Contains("gzip", seen.AcceptEncoding.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, ErrorClass.Auth)]
    [InlineData(403, ErrorClass.Auth)]
    [InlineData(404, ErrorClass.MetricsDisabled)]
    [InlineData(501, ErrorClass.MetricsDisabled)]
    [InlineData(429, ErrorClass.Busy)]
    [InlineData(418, ErrorClass.Http4xx)]
    [InlineData(304, ErrorClass.WrongContent)]
    public async Task A_status_that_will_not_change_is_asked_for_once(int status, ErrorClass error)
    {
        var asked = 0;
        var outcome = await FetchAsync(context =>
        {
            Interlocked.Increment(ref asked);
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        Assert.Equal((error, 1), (outcome.Error, asked));
        Assert.Contains("/metrics", outcome.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(500, ErrorClass.Http5xx)]
    [InlineData(503, ErrorClass.Busy)]
    [InlineData(408, ErrorClass.Timeout)]
    public async Task A_status_that_may_pass_is_asked_for_three_times_at_most(int status, ErrorClass error)
    {
        var asked = 0;
        var outcome = await FetchAsync(context =>
        {
            Interlocked.Increment(ref asked);
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        Assert.Equal((error, 3), (outcome.Error, asked));
    }

    [Fact]
    public async Task A_second_attempt_may_bring_the_page()
    {
        var asked = 0;
        var outcome = await FetchAsync(async context =>
        {
            if (Interlocked.Increment(ref asked) == 1)
            {
                context.Abort();
                return;
            }

            await context.Response.WriteAsync("a 1\n");
        });
        Assert.Equal("a 1\n", Text(outcome));
    }

    [Theory]
    [InlineData(301)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_within_the_origin_is_followed_with_the_token(int status)
    {
        string? token = null;
        var outcome = await FetchAsync(
            async context =>
            {
                if (context.Request.Path == "/metrics")
                {
                    context.Response.StatusCode = status;
                    context.Response.Headers.Location = "/metrics/";
                    return;
                }

                token = context.Request.Headers.Authorization;
                await context.Response.WriteAsync("a 1\n");
            },
            s => s with { Token = BearerToken.FromText("secret") });
        Assert.Equal(("a 1\n", "Bearer secret"), (Text(outcome), token));
    }

    [Fact]
    public async Task A_redirect_to_another_origin_is_named_and_never_asked()
    {
        var asked = 0;
        await using var other = await LoopbackServer.StartAsync(context =>
        {
            Interlocked.Increment(ref asked);
            return Task.CompletedTask;
        });
        var outcome = await FetchAsync(
            context =>
            {
                context.Response.StatusCode = 307;
                context.Response.Headers.Location = new Uri(other.Address, "/login?key=hidden").ToString();
                return Task.CompletedTask;
            },
            s => s with { Token = BearerToken.FromText("secret") });
        Assert.Equal((ErrorClass.Redirect, 0), (outcome.Error, asked));
        Assert.Contains($"{other.Address.Port}/login", outcome.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", outcome.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redirects_in_a_circle_end()
    {
        var asked = 0;
        var outcome = await FetchAsync(context =>
        {
            Interlocked.Increment(ref asked);
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = "/metrics";
            return Task.CompletedTask;
        });
        Assert.Equal((ErrorClass.Redirect, 2), (outcome.Error, asked));
    }

    [Fact]
    public async Task A_token_is_not_sent_over_plain_http_off_loopback()
    {
        var settings = Settings(new Uri("http://192.0.2.1:8000/metrics")) with { Token = BearerToken.FromText("secret") };
        var outcome = await FetchAsync(settings);
        Assert.Equal(ErrorClass.Auth, outcome.Error);
        Assert.Contains("plain http", outcome.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", outcome.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_file_that_is_not_there_is_named()
    {
        var outcome = await FetchAsync(_ => Task.CompletedTask, s => s with { Token = BearerToken.FromFile("/nowhere/agent.token") });
        Assert.Equal(ErrorClass.Auth, outcome.Error);
        Assert.Contains("/nowhere/agent.token", outcome.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Type", "x")]
    [InlineData("a b", "x")]
    [InlineData("X-Key", "secret\r\nX-Other: 1")]
    public async Task A_header_that_cannot_be_sent_is_named_without_its_value(string name, string value)
    {
        var outcome = await FetchAsync(_ => Task.CompletedTask, s => s with { Headers = new Dictionary<string, string> { [name] = value } });
        Assert.Equal(ErrorClass.Auth, outcome.Error);
        Assert.Contains(name, outcome.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", outcome.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endless_body_is_given_up()
    {
        var chunk = new byte[1 << 20];
        var outcome = await FetchAsync(async context =>
        {
            for (var i = 0; i < 10_000 && !context.RequestAborted.IsCancellationRequested; i++)
            {
                await context.Response.Body.WriteAsync(chunk, context.RequestAborted);
            }
        });
        Assert.Equal(ErrorClass.TooLarge, outcome.Error);
    }

    [Fact]
    public async Task Not_more_than_a_byte_beyond_the_limit_is_taken()
    {
        using var endless = new Endless();
        Assert.Null(await BoundedBody.ReadAsync(endless, BoundedBody.MaxBytes, CancellationToken.None));
        Assert.Equal(BoundedBody.MaxBytes + 1, endless.Taken);
    }

    [Fact]
    public async Task A_body_that_says_it_is_too_large_is_not_read()
    {
        using var never = new SemaphoreSlim(0);
        var outcome = await FetchAsync(async context =>
        {
            context.Response.ContentLength = 10L << 30;
            await context.Response.Body.WriteAsync(new byte[1000]);
            await context.Response.Body.FlushAsync();
            await never.WaitAsync(context.RequestAborted);
        });
        Assert.Equal(ErrorClass.TooLarge, outcome.Error);
    }

    [Fact]
    public async Task A_compressed_bomb_is_given_up_by_its_size_unpacked()
    {
        var bomb = Compressed(new byte[64 << 20]);
        Assert.True(bomb.Length < 1 << 20);
        var outcome = await FetchAsync(context => SendCompressedAsync(context, bomb));
        Assert.Equal(ErrorClass.TooLarge, outcome.Error);
    }

    [Fact]
    public async Task A_page_of_exactly_the_limit_is_read()
    {
        var outcome = await FetchAsync(context => SendCompressedAsync(context, Compressed(new byte[BoundedBody.MaxBytes])));
        Assert.Equal(BoundedBody.MaxBytes, outcome.Page!.Body.Length);
    }

    [Fact]
    public async Task A_brotli_page_is_read_and_a_cut_off_one_is_not()
    {
        var text = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 2000).Select(i => $"vllm:a{{i=\"{i}\"}} {i * i}\n")));
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            brotli.Write(text);
        }

        var body = packed.ToArray();
        var whole = await FetchAsync(context => SendCompressedAsync(context, body, "br"));
        Assert.Equal(text, whole.Page!.Body.ToArray());
        var cut = await FetchAsync(context => SendCompressedAsync(context, body[..(body.Length / 2)], "br"));
        Assert.Equal(ErrorClass.WrongContent, cut.Error);
    }

    [Fact]
    public async Task A_brotli_bomb_is_given_up_by_its_size_unpacked()
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            brotli.Write(new byte[64 << 20]);
        }

        Assert.Equal(ErrorClass.TooLarge, (await FetchAsync(context => SendCompressedAsync(context, packed.ToArray(), "br"))).Error);
    }

    [Theory]
    [InlineData("deflate")]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task A_body_that_is_not_what_it_says_is_wrong_content(string encoding)
    {
        var outcome = await FetchAsync(context => SendCompressedAsync(context, "vllm:a 1\n"u8.ToArray(), encoding));
        Assert.Equal(ErrorClass.WrongContent, outcome.Error);
    }

    [Fact]
    public async Task An_empty_compressed_page_is_an_empty_page() =>
        Assert.Equal(0, (await FetchAsync(context => SendCompressedAsync(context, Compressed([])))).Page!.Body.Length);

    [Fact]
    public async Task A_cut_off_compressed_page_is_no_page()
    {
        var random = new byte[50_000];
        new Random(7).NextBytes(random);
        var whole = Compressed(Encoding.ASCII.GetBytes(Convert.ToBase64String(random)));
        var outcome = await FetchAsync(context => SendCompressedAsync(context, whole[..(whole.Length / 2)]));
        Assert.Equal(ErrorClass.WrongContent, outcome.Error);
    }

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

    private static byte[] Compressed(byte[] body)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(body);
        }

        return packed.ToArray();
    }

    private static Task SendCompressedAsync(HttpContext context, byte[] body, string encoding = "gzip")
    {
        context.Response.Headers.ContentEncoding = encoding;
        return context.Response.Body.WriteAsync(body).AsTask();
    }

    private sealed class Endless : Stream
    {
        public long Taken { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            Taken += count;
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
