using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Configuration.Values;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Configuration.Binding;

/// <summary>Sources of kind proxy: a port that others may reach wants a certificate and a token, without exception.</summary>
internal static class ProxyBinder
{
    private const string AcceptToken = "accept_token_file";

    public static ProxySourceSettings? Bind(SectionValues section, SectionReader reader)
    {
        if (section.Find<ListenAddress>("listen") is not { } listen || section.Find<Uri>("endpoint") is not { } endpoint)
        {
            return null;
        }

        TransportBinder.CheckCertificate(section, reader);
        var missing = listen.IsLoopback ? [] : section.NotWritten("cert_file", AcceptToken);
        if (missing.Count > 0)
        {
            reader.Findings.Missing(section.OriginOf("listen"), $"the proxy listens on {listen}, which other machines can reach, so it needs {string.Join(" and ", missing)}; or listen on 127.0.0.1");
        }

        CheckEndpoint(section, endpoint, listen, reader.Findings);
        return SourceBinder.OverHttp(
            SourceBinder.Named(
                new ProxySourceSettings
                {
                    Endpoint = endpoint,
                    Listen = new ListenSettings
                    {
                        Address = listen,
                        CertFile = section.Find<string>("cert_file"),
                        KeyFile = section.Find<string>("key_file"),
                        Token = section.Find<BearerToken>(AcceptToken),
                    },
                    VariantHeader = section.Find<string>("variant_header"),
                },
                section),
            section,
            reader.Findings);
    }

    /// <summary>Two proxies cannot listen on one port.</summary>
    public static void RequireDistinct(IReadOnlyList<(SourceSettings Source, Origin Origin)> bound, Findings findings)
    {
        var proxies = bound.Where(b => b.Source is ProxySourceSettings).Select(b => (((ProxySourceSettings)b.Source).Listen.Address, b.Origin)).ToList();
        for (var i = 1; i < proxies.Count; i++)
        {
            var (address, origin) = proxies[i];
            if (proxies.Take(i).FirstOrDefault(other => address.Port != 0 && Collide(other.Address, address)) is { Address: not null } first)
            {
                findings.Error(origin, $"listen = \"{address}\" is taken by the proxy at {first.Origin} already: give each its own port");
            }
        }
    }

    private static void CheckEndpoint(SectionValues section, Uri endpoint, ListenAddress listen, Findings findings)
    {
        if (endpoint.Port == listen.Port && PeerTrust.IsLoopback(endpoint) && (listen.Address is null || listen.IsLoopback))
        {
            findings.Error(section.OriginOf("endpoint"), $"endpoint is where the proxy itself listens ({listen}): move the engine to another port, and write that one");
        }

        if (endpoint.AbsolutePath.TrimEnd('/').EndsWith("/v1", StringComparison.Ordinal))
        {
            findings.Error(section.OriginOf("endpoint"), $"endpoint ends in /v1, which clients write too, so that the engine would be asked for /v1/v1: write \"{endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/')[..^"/v1".Length]}\"");
        }

        if (endpoint.Query.Length > 0)
        {
            findings.Error(section.OriginOf("endpoint"), "endpoint of a proxy has a query, which belongs to single requests: take it out");
        }
    }

    private static bool Collide(ListenAddress one, ListenAddress other) =>
        one.Port == other.Port && (one.Address is null || other.Address is null || one.Address.Equals(other.Address));
}
