using System.Security.Cryptography;
using FleetVibe.Configuration.Values;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Configuration.Binding;

/// <summary>Ports and peers, and the rules that keep them from being open by mistake.</summary>
internal static class TransportBinder
{
    /// <summary>A port as its section says it; off loopback it wants a certificate and a token, or <c>insecure</c>.</summary>
    public static ListenSettings? Listen(SectionValues section, SectionReader reader)
    {
        if (section.Find<ListenAddress>("listen") is not { } address)
        {
            return null;
        }

        CheckCertificate(section, reader);
        var insecure = section.Find<bool>("insecure");
        WarnWhenInsecure(section, reader.Findings);
        if (!address.IsLoopback && !insecure)
        {
            var needed = section.NotWritten("cert_file", "token_file");
            if (needed.Count > 0)
            {
                reader.Findings.Missing(section.OriginOf("listen"), $"{section.Header} listens on {address}, which other machines can reach, so it needs {string.Join(" and ", needed)}; "
                    + "or listen on 127.0.0.1, or set insecure = true");
            }
        }

        return new ListenSettings
        {
            Address = address,
            CertFile = section.Find<string>("cert_file"),
            KeyFile = section.Find<string>("key_file"),
            Token = section.Find<BearerToken>("token_file"),
            Insecure = insecure,
        };
    }

    /// <summary>A peer elsewhere: https and a token, or loopback, or <c>insecure</c>.</summary>
    public static PeerSettings Peer(SectionValues section, string addressesKey, string tokenKey, Findings findings)
    {
        var addresses = section.List<Uri>(addressesKey);
        var insecure = section.Find<bool>("insecure");
        foreach (var address in addresses.Where(a => !PeerTrust.IsLoopback(a) && !insecure))
        {
            if (address.Scheme != Uri.UriSchemeHttps)
            {
                findings.Error(section.OriginOf(addressesKey), $"{addressesKey}: {address.GetLeftPart(UriPartial.Authority)} is plain http to another machine: use https, or set insecure = true");
            }
        }

        if (!insecure && !section.IsWritten(tokenKey) && addresses.Any(a => !PeerTrust.IsLoopback(a)))
        {
            findings.Missing(section.OriginOf(addressesKey), $"{section.Header} needs {tokenKey}, the token for {addressesKey}; or set insecure = true");
        }

        return new PeerSettings
        {
            Addresses = addresses,
            Token = section.Find<BearerToken>(tokenKey),
            CaFile = section.Find<string>("ca_file"),
            Insecure = insecure,
        };
    }

    public static void WarnWhenInsecure(SectionValues section, Findings findings)
    {
        if (section.Find<bool>("insecure"))
        {
            findings.Warning(section.OriginOf("insecure"), $"{section.Header} is insecure: what goes over its connections can be read and forged by others");
        }
    }

    /// <summary>Certificate and key must belong together.</summary>
    public static void CheckCertificate(SectionValues section, SectionReader reader)
    {
        var (certificate, key) = (section.Find<string>("cert_file"), section.Find<string>("key_file"));
        if (certificate is null)
        {
            if (section.IsWritten("key_file") && !section.IsWritten("cert_file"))
            {
                reader.Findings.Error(section.OriginOf("key_file"), $"{section.Header} has a key_file without a cert_file: write both");
            }

            return;
        }

        if (!reader.Context.CheckFiles || (key is null && section.IsWritten("key_file")))
        {
            return;
        }

        try
        {
            ListenExtensions.LoadCertificate(certificate, key).Dispose();
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            reader.Findings.Error(section.OriginOf("cert_file"), key is null
                ? $"{certificate} holds no key beside its certificate: write key_file, or put both into one PEM file"
                : $"{key} is not the key of {certificate}: a PEM key without a passphrase that belongs to the certificate is needed");
        }
    }
}
