using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace FleetVibe.Agent.Sources.Http;

/// <summary>Failures to error classes, with texts that name the thing, the place and the cure.</summary>
internal static class FetchErrors
{
    /// <summary>The address without user, password and query.</summary>
    public static string Place(Uri address) =>
        address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);

    /// <param name="disabledCure">How the metrics are switched on where the path is not there; null where a path cannot be off.</param>
    public static FetchOutcome FromStatus(HttpStatusCode status, Uri address, string? disabledCure)
    {
        var place = $"{Place(address)} answers {(int)status}";
        return (int)status switch
        {
            401 or 403 => FetchOutcome.Failed(ErrorClass.Auth, $"{place}: set token_file to a token that may read it"),
            404 or 501 when disabledCure is not null => FetchOutcome.Failed(ErrorClass.MetricsDisabled, $"{place}: {disabledCure}"),
            408 => FetchOutcome.Failed(ErrorClass.Timeout, $"{place}: the server gave up waiting", mayRetry: true),
            429 => FetchOutcome.Failed(ErrorClass.Busy, $"{place}: it is asked too often; raise interval"),
            503 => FetchOutcome.Failed(ErrorClass.Busy, $"{place}: it is loading or overloaded", mayRetry: true),
            >= 500 => FetchOutcome.Failed(ErrorClass.Http5xx, $"{place}: see the server's own log", mayRetry: (int)status != 501),
            >= 400 => FetchOutcome.Failed(ErrorClass.Http4xx, $"{place}: check the path of endpoint"),
            _ => FetchOutcome.Failed(ErrorClass.WrongContent, $"{place}: no status that a page comes with"),
        };
    }

    public static FetchOutcome Timeout(Uri address, TimeSpan limit) =>
        FetchOutcome.Failed(
            ErrorClass.Timeout,
            $"{Place(address)} gave no whole answer within {limit.TotalSeconds:0.#} s: the server is busy or the network drops packets");

    public static FetchOutcome FromException(Exception exception, Uri address, string? caFile)
    {
        var place = Place(address);
        switch (exception)
        {
            case HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError }:
            case HttpRequestException { InnerException: SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData } }:
                return FetchOutcome.Failed(ErrorClass.Dns, $"{place}: no address for the name {address.Host}; check endpoint and DNS", mayRetry: true);
            case HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError }:
            case HttpRequestException { InnerException: AuthenticationException }:
                var authorities = caFile is null ? "the system's authorities; set ca_file for a private one" : caFile;
                return FetchOutcome.Failed(ErrorClass.Tls, $"{place}: no TLS connection that verifies against {authorities} ({Innermost(exception)})");
            case HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse }:
                return FetchOutcome.Failed(ErrorClass.WrongContent, $"{place}: what answers does not speak HTTP/1.1; is it https, or another port?");
            case HttpRequestException or HttpIOException or IOException or SocketException:
                return FetchOutcome.Failed(
                    ErrorClass.Connect, $"{place}: {Innermost(exception)}; is the server running, and is the port right?", mayRetry: true);
            case InvalidDataException:
                return FetchOutcome.Failed(ErrorClass.WrongContent, $"{place}: the compressed page is damaged or cut off");
            default:
                return FetchOutcome.Failed(ErrorClass.WrongContent, $"{place}: the page could not be read ({exception.GetType().Name})");
        }
    }

    public static FetchOutcome FromTrust(Exception exception, string caFile) =>
        FetchOutcome.Failed(
            ErrorClass.Tls,
            exception is CryptographicException
                ? $"ca_file {caFile} holds no certificate in PEM form"
                : $"ca_file {caFile} cannot be read: {exception.GetType().Name}; check the path and its permissions");

    private static string Innermost(Exception exception)
    {
        while (exception.InnerException is { } inner)
        {
            exception = inner;
        }

        return exception.Message.TrimEnd('.');
    }
}
