using System.Security.Cryptography.X509Certificates;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Aggregator.Membership;

/// <summary>What members present to each other, and whom they believe.</summary>
/// <param name="Certificate">Of this member, with its key.</param>
/// <param name="Roots">The only authorities that count.</param>
internal sealed record ClusterTls(X509Certificate2 Certificate, X509Certificate2Collection Roots)
{
    /// <summary>The TLS of the settings; null where there is none and none is needed.</summary>
    /// <exception cref="InvalidOperationException">Reachable from other machines without TLS, or half of it.</exception>
    public static ClusterTls? Load(ClusterSettings settings)
    {
        if (settings.CertFile is null)
        {
            if (!settings.Listen.IsLoopback && !settings.Insecure)
            {
                throw new InvalidOperationException(
                    $"aggregator.cluster.listen = \"{settings.Listen}\" can be reached from other machines, and whoever speaks to it is trusted: "
                    + "it needs cert_file, key_file and ca_file (or insecure = true)");
            }

            return null;
        }

        if (settings.CaFile is null)
        {
            throw new InvalidOperationException(
                "aggregator.cluster.cert_file needs ca_file beside it: members accept only each other, so the authority that signed them must be named");
        }

        var roots = new X509Certificate2Collection();
        roots.ImportFromPemFile(settings.CaFile);
        if (roots.Count == 0)
        {
            throw new InvalidOperationException($"{settings.CaFile} holds no certificate in PEM form");
        }

        // A key that came from PEM is tied to its object; by way of PFX every handshake can use it.
        using var pem = ListenExtensions.LoadCertificate(settings.CertFile, settings.KeyFile);
        return new ClusterTls(X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pfx), null), roots);
    }

    /// <summary>Whether a peer's certificate was signed by one of the roots and is valid now.</summary>
    public bool IsTrusted(X509Certificate2 presented)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(Roots);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(presented);
    }
}
