using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Gateway.Delivery;

/// <summary>Sends a body of lines and says what came of it; throws nothing but what a stop throws. One request at a time.</summary>
internal sealed class TelegrafClient(TelegrafSettings settings, TimeProvider clock) : IDisposable
{
    private const int CompressFrom = 1024;
    private const int LongestAnswer = 64 * 1024;

    private readonly WriteEndpoint _endpoint = new(settings);
    private HttpClient? _client;

    /// <summary>False once the receiver turned out not to read gzip.</summary>
    internal bool Compresses { get; set; } = true;

    internal Uri Receiver => _endpoint.Write;

    internal bool MayCreateDatabase => _endpoint.CreateDatabase is not null;

    /// <param name="expiresAt">At or after it nothing is written any more.</param>
    internal async Task<DeliveryAnswer> SendAsync(IReadOnlyList<string> lines, DateTimeOffset expiresAt, CancellationToken stopping)
    {
        var body = Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n");
        var compress = Compresses && body.Length > CompressFrom;
        using var content = new LinesContent(compress ? Compress(body) : body, () => clock.GetUtcNow() < expiresAt);
        content.Headers.ContentType = new MediaTypeHeaderValue("text/plain", "utf-8");
        if (compress)
        {
            content.Headers.ContentEncoding.Add("gzip");
        }

        return await PostAsync(_endpoint.Write, content, stopping);
    }

    internal async Task<DeliveryAnswer> CreateDatabaseAsync(CancellationToken stopping)
    {
        using var content = new LinesContent([], () => true);
        return await PostAsync(_endpoint.CreateDatabase!, content, stopping);
    }

    /// <summary>The next request opens a new connection, and reads the authorities' file again.</summary>
    internal void DropConnections()
    {
        _client?.Dispose();
        _client = null;
    }

    public void Dispose() => DropConnections();

    private async Task<DeliveryAnswer> PostAsync(Uri address, LinesContent content, CancellationToken stopping)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address)
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        try
        {
            request.Headers.Authorization = _endpoint.Authorization();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return new DeliveryAnswer.NoCredential(e.Message);
        }

        using var timeout = new CancellationTokenSource(settings.Timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, stopping);
        try
        {
            _client ??= CreateClient();
            using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            return new DeliveryAnswer.Response((int)response.StatusCode, await BodyOf(response, either.Token), RetryAfterOf(response));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or System.Security.Cryptography.CryptographicException)
        {
            var error = timeout.IsCancellationRequested
                ? FormattableString.Invariant($"no answer within {settings.Timeout.TotalSeconds:0.#} s")
                : stopping.IsCancellationRequested ? "the gateway stops" : Innermost(e).Message;
            return content.Started ? new DeliveryAnswer.NoAnswer(error) : new DeliveryAnswer.NotSent(error);
        }
    }

    private HttpClient CreateClient()
    {
        var handler = PeerTrust.CreateHandler(settings.CaFile);
        handler.PooledConnectionIdleTimeout = settings.IdleConnection;
        handler.ConnectTimeout = settings.Timeout;
        handler.UseProxy = false;
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    private TimeSpan? RetryAfterOf(HttpResponseMessage response) =>
        response.Headers.RetryAfter is not { } header ? null : header.Delta ?? header.Date - clock.GetUtcNow();

    private static async Task<string> BodyOf(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.StatusCode == HttpStatusCode.NoContent)
        {
            return "";
        }

        var buffer = new byte[LongestAnswer];
        var length = 0;
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
            length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellation);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The status counts; its explanation broke off.
        }

        return Encoding.UTF8.GetString(buffer, 0, length);
    }

    private static byte[] Compress(byte[] body)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest))
        {
            gzip.Write(body);
        }

        return buffer.ToArray();
    }

    private static Exception Innermost(Exception e) => e.InnerException is null ? e : Innermost(e.InnerException);

    /// <summary>Lines of known length; tells whether their first byte left, and does not begin once the attempt expired.</summary>
    private sealed class LinesContent(byte[] body, Func<bool> mayBegin) : HttpContent
    {
        internal bool Started { get; private set; }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            if (!mayBegin())
            {
                throw new IOException("the attempt expired before its first byte was written");
            }

            Started = true;
            await stream.WriteAsync(body, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = body.Length;
            return true;
        }
    }
}
