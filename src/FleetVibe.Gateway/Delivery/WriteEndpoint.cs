using System.Net.Http.Headers;
using System.Text;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Gateway.Delivery;

/// <summary>Where and as whom lines are written, by dialect.</summary>
internal sealed class WriteEndpoint
{
    private readonly TelegrafSettings _settings;

    /// <exception cref="InvalidOperationException">A credential would go over plain http, or stands in the address.</exception>
    internal WriteEndpoint(TelegrafSettings settings)
    {
        _settings = settings;
        if (settings.Url.UserInfo.Length > 0)
        {
            throw new InvalidOperationException("[gateway.telegraf] url holds a user name or password: use username and password_file");
        }

        var secret = settings.Token is not null || settings.Password is not null;
        if (secret && settings.Url.Scheme != Uri.UriSchemeHttps && !PeerTrust.IsLoopback(settings.Url) && !settings.Insecure)
        {
            throw new InvalidOperationException(
                $"[gateway.telegraf] url = \"{settings.Url}\" would send a secret over plain http: use https, or insecure = true");
        }

        Write = settings.Dialect switch
        {
            TelegrafDialect.InfluxDbV2 => Address(
                "/api/v2/write", ("bucket", settings.Bucket), ("org", settings.Org), ("precision", "ns")),
            TelegrafDialect.InfluxDbV1 => Address("/write", ("db", settings.Database), ("rp", settings.RetentionPolicy)),
            _ => Address("/" + settings.Path.TrimStart('/')),
        };
        CreateDatabase = settings is { Dialect: TelegrafDialect.InfluxDbV1, CreateDatabase: true, Database: { } database }
            ? Address("/query", ("q", $"CREATE DATABASE \"{database.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\""))
            : null;
    }

    internal Uri Write { get; }

    /// <summary>Null where no database may be created.</summary>
    internal Uri? CreateDatabase { get; }

    /// <summary>The credential as it is now; null where none is configured.</summary>
    /// <exception cref="IOException">Its file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Its file cannot be read.</exception>
    /// <exception cref="InvalidDataException">Its file holds none.</exception>
    internal AuthenticationHeaderValue? Authorization()
    {
        if (_settings.Dialect == TelegrafDialect.InfluxDbV2)
        {
            return _settings.Token is null ? null : new AuthenticationHeaderValue("Token", _settings.Token.Current);
        }

        return _settings.Username is null
            ? null
            : new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{_settings.Username}:{_settings.Password?.Current}")));
    }

    // A path with two slashes is redirected by Telegraf, and a followed redirect answers 204 to nothing.
    private Uri Address(string path, params ReadOnlySpan<(string Key, string? Value)> query)
    {
        var builder = new UriBuilder(_settings.Url) { Path = _settings.Url.AbsolutePath.TrimEnd('/') + path, Query = "" };
        var parts = new List<string>();
        foreach (var (key, value) in query)
        {
            if (value is not null)
            {
                parts.Add($"{key}={Uri.EscapeDataString(value)}");
            }
        }

        builder.Query = string.Join('&', parts);
        return builder.Uri;
    }
}
