using System.Net;
using System.Security.Cryptography;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Protocol.Transport;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace FleetVibe.Agent.Sources.Http;

/// <summary>Fetches the page of one source. Never throws but for cancellation.</summary>
internal interface ISourceClient : IDisposable
{
    Task<FetchOutcome> FetchAsync(CancellationToken cancellation);

    /// <summary>The same, for a source that is told how far it was read.</summary>
    Task<FetchOutcome> FetchSinceAsync(CounterState counted, CancellationToken cancellation) => FetchAsync(cancellation);
}

/// <summary>Makes the client of one source; every (re)start of a source makes its own.</summary>
internal delegate ISourceClient SourceClientFactory(HttpSourceSettings settings, PageWanted wanted, TimeProvider time);

/// <summary>What a source wants of its client beyond its settings.</summary>
/// <param name="Accept">The Accept header.</param>
/// <param name="DisabledCure">What switches the metrics on where their path is not there; null where they cannot be off.</param>
internal sealed record PageWanted(string Accept, string? DisabledCure);

/// <summary>
/// One HttpClient of one source: verified TLS, token and headers to the source's own origin only, at most two retries, a
/// bounded body. Not for concurrent use.
/// </summary>
internal sealed class SourceClient : ISourceClient
{
    private const int MaxRetries = 2;
    private static readonly TimeSpan DefaultInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(200);

    private readonly HttpSourceSettings _settings;
    private readonly PageWanted _wanted;
    private readonly TimeProvider _time;
    private readonly ResiliencePipeline<FetchOutcome> _pipeline;
    private HttpClient? _client;

    public SourceClient(HttpSourceSettings settings, PageWanted wanted, TimeProvider time)
    {
        _settings = settings;
        _wanted = wanted;
        _time = time;
        _pipeline = CreatePipeline(settings, time);
    }

    public static ISourceClient Create(HttpSourceSettings settings, PageWanted wanted, TimeProvider time) =>
        new SourceClient(settings, wanted, time);

    public async Task<FetchOutcome> FetchAsync(CancellationToken cancellation)
    {
        try
        {
            return await _pipeline.ExecuteAsync(
                static async (client, token) => await client.AttemptAsync(token), this, cancellation);
        }
        catch (TimeoutRejectedException e)
        {
            return FetchErrors.Timeout(_settings.Endpoint, e.Timeout);
        }
    }

    public void Dispose() => _client?.Dispose();

    private static ResiliencePipeline<FetchOutcome> CreatePipeline(HttpSourceSettings settings, TimeProvider time)
    {
        var interval = settings.Interval ?? DefaultInterval;
        return new ResiliencePipelineBuilder<FetchOutcome> { TimeProvider = time }
            .AddTimeout(interval)
            .AddRetry(new RetryStrategyOptions<FetchOutcome>
            {
                MaxRetryAttempts = MaxRetries,
                Delay = RetryDelay,
                BackoffType = DelayBackoffType.Exponential,
                ShouldHandle = new PredicateBuilder<FetchOutcome>().HandleResult(o => o.MayRetry).Handle<TimeoutRejectedException>(),
            })
            .AddTimeout(settings.Timeout)
            .Build();
    }

    private async ValueTask<FetchOutcome> AttemptAsync(CancellationToken cancellation)
    {
        try
        {
            return PreparationFails() ?? await SendAsync(_settings.Endpoint, mayFollow: true, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e)
        {
            return FetchErrors.FromException(e, _settings.Endpoint, _settings.CaFile);
        }
    }

    private FetchOutcome? PreparationFails()
    {
        if (CarriesSecrets && !_settings.Insecure && _settings.Endpoint.Scheme != Uri.UriSchemeHttps
            && !PeerTrust.IsLoopback(_settings.Endpoint))
        {
            return FetchOutcome.Failed(
                ErrorClass.Auth,
                $"{FetchErrors.Place(_settings.Endpoint)}: the token is not sent over plain http; use https, or insecure = true");
        }

        try
        {
            _client ??= CreateClient(_settings.CaFile);
            return null;
        }
        catch (Exception e) when (_settings.CaFile is not null && e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return FetchErrors.FromTrust(e, _settings.CaFile!);
        }
    }

    private bool CarriesSecrets => _settings.Token is not null || _settings.Headers.Count > 0;

    private static HttpClient CreateClient(string? caFile)
    {
        var handler = PeerTrust.CreateHandler(caFile);
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);
        handler.MaxConnectionsPerServer = 2;

        // A page that is too large is not read to its end for the connection's sake.
        handler.MaxResponseDrainSize = 64 * 1024;

        // A node's own servers are not behind its way to the Internet.
        handler.UseProxy = false;
        return new HttpClient(handler, disposeHandler: true) { Timeout = Timeout.InfiniteTimeSpan };
    }

    private async Task<FetchOutcome> SendAsync(Uri address, bool mayFollow, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (AddHeaders(request) is { } failure)
        {
            return failure;
        }

        using var response = await _client!.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (IsRedirect(response.StatusCode))
        {
            return await FollowAsync(response, address, mayFollow, cancellation);
        }

        return response.IsSuccessStatusCode
            ? await ReadAsync(response, cancellation)
            : FetchErrors.FromStatus(response.StatusCode, address, _wanted.DisabledCure);
    }

    private FetchOutcome? AddHeaders(HttpRequestMessage request)
    {
        request.Headers.TryAddWithoutValidation("Accept", _wanted.Accept);
        request.Headers.TryAddWithoutValidation("Accept-Encoding", PageEncoding.Accepted);
        request.Headers.TryAddWithoutValidation("User-Agent", "fleetvibe");
        foreach (var (name, value) in _settings.Headers)
        {
            if (!TrySet(request.Headers, name, value))
            {
                return FetchOutcome.Failed(ErrorClass.Auth, $"header {name} of {FetchErrors.Place(_settings.Endpoint)} cannot be sent: check its name and value");
            }
        }

        if (_settings.Token is not { } token)
        {
            return null;
        }

        try
        {
            request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", token.Current);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or FormatException)
        {
            return FetchOutcome.Failed(ErrorClass.Auth, $"token_file {token} cannot be used: {e.GetType().Name}; it must hold one line and be readable");
        }
    }

    private static bool TrySet(System.Net.Http.Headers.HttpRequestHeaders headers, string name, string value)
    {
        try
        {
            // A line end would end the header, and begin another.
            headers.Remove(name);
            return !value.AsSpan().ContainsAny('\r', '\n', '\0') && headers.TryAddWithoutValidation(name, value);
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException or ArgumentException)
        {
            return false;
        }
    }

    private async Task<FetchOutcome> FollowAsync(
        HttpResponseMessage response, Uri from, bool mayFollow, CancellationToken cancellation)
    {
        if (response.Headers.Location is not { } location || !Uri.TryCreate(from, location, out var target))
        {
            return FetchOutcome.Failed(ErrorClass.Redirect, $"{FetchErrors.Place(from)} redirects without saying where; check endpoint");
        }

        if (!SameOrigin(from, target))
        {
            return FetchOutcome.Failed(
                ErrorClass.Redirect,
                $"{FetchErrors.Place(from)} redirects to {FetchErrors.Place(target)}, another origin, where no token is sent; set endpoint to it if it is right");
        }

        return mayFollow
            ? await SendAsync(target, mayFollow: false, cancellation)
            : FetchOutcome.Failed(ErrorClass.Redirect, $"{FetchErrors.Place(from)} redirects again, to {FetchErrors.Place(target)}; set endpoint to the last address");
    }

    private async Task<FetchOutcome> ReadAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        ReadOnlyMemory<byte>? body = null;
        if (!(response.Content.Headers.ContentLength > BoundedBody.MaxBytes))
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
            body = await BoundedBody.ReadAsync(stream, BoundedBody.MaxBytes, cancellation);
        }

        if (body is { } packed)
        {
            body = await PageEncoding.UnpackAsync(packed, response.Content.Headers.ContentEncoding, cancellation);
        }

        return body is { } bytes
            ? new FetchOutcome(new FetchedPage(bytes, MediaTypeOf(response), _time.GetUtcNow()), null, "")
            : FetchOutcome.Failed(
                ErrorClass.TooLarge,
                $"{FetchErrors.Place(_settings.Endpoint)}: the page is larger than {BoundedBody.MaxBytes >> 20} MiB; is it a metrics page?");
    }

    private static string? MediaTypeOf(HttpResponseMessage response) =>
        response.Content.Headers.TryGetValues("Content-Type", out var values)
            ? values.First().Split(';')[0].Trim().ToLowerInvariant()
            : null;

    private static bool IsRedirect(HttpStatusCode status) =>
        status is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
            or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    private static bool SameOrigin(Uri one, Uri other) =>
        one.Scheme == other.Scheme && one.Port == other.Port && string.Equals(one.IdnHost, other.IdnHost, StringComparison.OrdinalIgnoreCase);
}
