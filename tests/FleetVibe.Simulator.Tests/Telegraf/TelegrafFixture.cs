using System.IO.Compression;
using System.Text;
using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Telegraf;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Simulator.Tests.Telegraf;

/// <summary>A virtual clock, a client that follows no redirect, and short ways to write.</summary>
public abstract class TelegrafFixture : IDisposable
{
    private readonly HttpClient _http = new(PeerTrust.CreateHandler(null));

    protected FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public void Dispose()
    {
        _http.Dispose();
        GC.SuppressFinalize(this);
    }

    protected Task<SimulatedTelegraf> StartAsync(SimulatedTelegrafSettings? settings = null) =>
        SimulatedTelegraf.StartAsync(settings ?? new SimulatedTelegrafSettings(), Clock);

    protected Task<Answer> WriteAsync(SimulatedTelegraf telegraf, string path, string body, string? authorization = null) =>
        SendAsync(telegraf, HttpMethod.Post, path, new ByteArrayContent(Encoding.UTF8.GetBytes(body)), authorization);

    protected Task<Answer> WriteGzipAsync(SimulatedTelegraf telegraf, string path, byte[] compressed)
    {
        var content = new ByteArrayContent(compressed);
        content.Headers.ContentEncoding.Add("gzip");
        return SendAsync(telegraf, HttpMethod.Post, path, content);
    }

    protected Task<Answer> GetAsync(SimulatedTelegraf telegraf, string path, string? authorization = null) =>
        SendAsync(telegraf, HttpMethod.Get, path, null, authorization);

    protected async Task<Answer> SendAsync(
        SimulatedTelegraf telegraf, HttpMethod method, string path, HttpContent? content, string? authorization = null, CancellationToken cancellationToken = default)
    {
        // Not through Uri, which would clean the path.
        using var request = new HttpRequestMessage(method, new Uri(telegraf.Address.GetLeftPart(UriPartial.Authority) + path)) { Content = content };
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        using var response = await _http.SendAsync(request, cancellationToken);
        return new Answer(
            (int)response.StatusCode,
            await response.Content.ReadAsStringAsync(cancellationToken),
            response.Headers.Concat(response.Content.Headers).ToDictionary(h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase));
    }

    protected static byte[] Gzip(string text)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Optimal))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return memory.ToArray();
    }

    protected sealed record Answer(int Status, string Body, IReadOnlyDictionary<string, string> Headers);
}
