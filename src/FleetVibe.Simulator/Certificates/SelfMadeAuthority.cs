using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace FleetVibe.Simulator.Certificates;

/// <summary>Which keys an authority makes.</summary>
public enum KeyKind
{
    /// <summary>ECDSA on P-256.</summary>
    Ecdsa,

    /// <summary>RSA with 2,048 bits.</summary>
    Rsa,
}

/// <summary>A certificate and its key, both PEM files; the key has mode 0600.</summary>
public sealed record CertificateFiles(string CertFile, string KeyFile);

/// <summary>
/// A certificate authority in a folder, for demos and tests: <c>ca.pem</c> to trust, <c>ca.key</c> to sign with, and for
/// every certificate issued <c>name.pem</c> and <c>name.key</c>. Thread safe.
/// </summary>
public sealed class SelfMadeAuthority : IDisposable
{
    /// <summary>How long a certificate is valid unless told otherwise; Apple's systems take no more than 825 days.</summary>
    public static readonly TimeSpan DefaultLifetime = TimeSpan.FromDays(800);

    // A verifier whose clock is behind ours must not see a certificate of the future.
    private static readonly TimeSpan Backdating = TimeSpan.FromDays(1);

    private const string RsaOid = "1.2.840.113549.1.1.1";

    private static readonly string[] LoopbackNames = ["localhost", "127.0.0.1", "::1"];

    private readonly Lock _lock = new();
    private readonly TimeProvider _clock;
    private readonly KeyKind _kind;
    private readonly X509Certificate2 _authority;

    private SelfMadeAuthority(string directory, KeyKind kind, X509Certificate2 authority, TimeProvider clock)
    {
        Folder = directory;
        _kind = kind;
        _authority = authority;
        _clock = clock;
    }

    /// <summary>Where the files are.</summary>
    public string Folder { get; }

    /// <summary>PEM file to trust.</summary>
    public string CaFile => Path.Combine(Folder, "ca.pem");

    /// <summary>Takes the authority that is already in the folder, so that peers of an earlier run still trust this one; else makes one.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static SelfMadeAuthority OpenOrCreate(string directory, TimeProvider clock, KeyKind kind = KeyKind.Ecdsa)
    {
        Directory.CreateDirectory(directory);
        var certFile = Path.Combine(directory, "ca.pem");
        var keyFile = Path.Combine(directory, "ca.key");
        if (File.Exists(certFile) && File.Exists(keyFile))
        {
            var stored = X509Certificate2.CreateFromPemFile(certFile, keyFile);
            var storedKind = stored.GetKeyAlgorithm() == RsaOid ? KeyKind.Rsa : KeyKind.Ecdsa;
            return new SelfMadeAuthority(directory, storedKind, stored, clock);
        }

        using var key = CreateKey(kind);
        var request = Request($"CN=FleetVibe self-made authority {Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}", key);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var now = clock.GetUtcNow();
        var authority = request.CreateSelfSigned(now - Backdating, now + (DefaultLifetime * 5));
        Write(certFile, authority.ExportCertificatePem(), secret: false);
        Write(keyFile, key.ExportPkcs8PrivateKeyPem(), secret: true);
        return new SelfMadeAuthority(directory, kind, authority, clock);
    }

    /// <summary>
    /// Issues a certificate for a server (and client) and writes it as <c>name.pem</c> and <c>name.key</c>. It is good for
    /// localhost, 127.0.0.1, ::1 and the names given, each a DNS name or an IP address.
    /// </summary>
    /// <param name="lifetime">Null means <see cref="DefaultLifetime"/>; negative makes an expired one, for tests.</param>
    public CertificateFiles Issue(string name, IEnumerable<string>? names = null, TimeSpan? lifetime = null)
    {
        using var key = CreateKey(_kind);
        var request = Request($"CN={name}", key);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, true));
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        request.CertificateExtensions.Add(AlternativeNames(names ?? []));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_authority, true, false));

        var now = _clock.GetUtcNow();
        var end = now + (lifetime ?? DefaultLifetime);
        var start = lifetime < TimeSpan.Zero ? end - Backdating : now - (Backdating / 2);
        var files = new CertificateFiles(Path.Combine(Folder, name + ".pem"), Path.Combine(Folder, name + ".key"));
        lock (_lock)
        {
            using var signingKey = SigningKey();
            using var issued = request.Create(
                _authority.SubjectName, signingKey.Generator, start, end, RandomNumberGenerator.GetBytes(16));
            Write(files.CertFile, issued.ExportCertificatePem(), secret: false);
            Write(files.KeyFile, key.ExportPkcs8PrivateKeyPem(), secret: true);
        }

        return files;
    }

    public void Dispose() => _authority.Dispose();

    /// <summary>Writes a secret as one line that only its owner can read.</summary>
    internal static void WriteSecret(string path, string text) => Write(path, text + "\n", secret: true);

    private static X509Extension AlternativeNames(IEnumerable<string> names)
    {
        var builder = new SubjectAlternativeNameBuilder();
        foreach (var name in LoopbackNames.Concat(names).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (IPAddress.TryParse(name, out var address))
            {
                builder.AddIpAddress(address);
            }
            else
            {
                builder.AddDnsName(name);
            }
        }

        return builder.Build();
    }

    private static AsymmetricAlgorithm CreateKey(KeyKind kind) =>
        kind == KeyKind.Rsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private static CertificateRequest Request(string subject, AsymmetricAlgorithm key) => key is RSA rsa
        ? new CertificateRequest(subject, rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
        : new CertificateRequest(subject, (ECDsa)key, HashAlgorithmName.SHA256);

    private Signer SigningKey()
    {
        if (_authority.GetRSAPrivateKey() is { } rsa)
        {
            return new Signer(rsa, X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1));
        }

        var ecdsa = _authority.GetECDsaPrivateKey() ?? throw new CryptographicException($"{CaFile} has no key");
        return new Signer(ecdsa, X509SignatureGenerator.CreateForECDsa(ecdsa));
    }

    private static void Write(string path, string text, bool secret)
    {
        // Written aside and renamed, so that nobody reads half a file, and a secret is never readable by others for a moment.
        var aside = path + ".new";
        File.Delete(aside);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = secret
                ? UnixFileMode.UserRead | UnixFileMode.UserWrite
                : UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        }

        using (var writer = new StreamWriter(aside, options))
        {
            writer.Write(text);
        }

        File.Move(aside, path, overwrite: true);
    }

    private readonly record struct Signer(AsymmetricAlgorithm Key, X509SignatureGenerator Generator) : IDisposable
    {
        public void Dispose() => Key.Dispose();
    }
}
