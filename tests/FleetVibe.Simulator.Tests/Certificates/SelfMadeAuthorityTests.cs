using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using FleetVibe.Simulator.Certificates;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Simulator.Tests.Certificates;

public sealed class SelfMadeAuthorityTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(KeyKind.Ecdsa)]
    [InlineData(KeyKind.Rsa)]
    public void A_certificate_is_good_for_loopback_and_the_names_given(KeyKind kind)
    {
        using var authority = SelfMadeAuthority.OpenOrCreate(_folder.Path, _clock, kind);
        var files = authority.Issue("gpu-1", ["gpu-1.example", "10.0.0.7"]);

        using var certificate = X509Certificate2.CreateFromPemFile(files.CertFile, files.KeyFile);
        Assert.All(["localhost", "127.0.0.1", "::1", "gpu-1.example", "10.0.0.7"], name => Assert.True(certificate.MatchesHostname(name), name));
        Assert.False(certificate.MatchesHostname("gpu-2.example"));
        var usages = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().Single().EnhancedKeyUsages;
        Assert.Equal(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"], usages.Cast<Oid>().Select(oid => oid.Value));
        Assert.True(Verifies(certificate, authority.CaFile, _clock.GetUtcNow()));
        Assert.Equal(kind == KeyKind.Rsa, certificate.GetRSAPrivateKey() is not null);
    }

    [Fact]
    public void A_key_is_readable_by_its_owner_alone()
    {
        using var authority = SelfMadeAuthority.OpenOrCreate(_folder.Path, _clock);
        var files = authority.Issue("gpu-1");

        if (!OperatingSystem.IsWindows())
        {
            const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            Assert.Equal(OwnerOnly, File.GetUnixFileMode(files.KeyFile));
            Assert.Equal(OwnerOnly, File.GetUnixFileMode(_folder.File("ca.key")));
        }
    }

    [Fact]
    public void An_authority_that_is_opened_again_is_the_same()
    {
        string first;
        using (var authority = SelfMadeAuthority.OpenOrCreate(_folder.Path, _clock, KeyKind.Rsa))
        {
            first = File.ReadAllText(authority.CaFile);
        }

        using var again = SelfMadeAuthority.OpenOrCreate(_folder.Path, _clock);
        Assert.Equal(first, File.ReadAllText(again.CaFile));
        var files = again.Issue("later");
        using var certificate = X509Certificate2.CreateFromPemFile(files.CertFile, files.KeyFile);
        Assert.True(Verifies(certificate, again.CaFile, _clock.GetUtcNow()));
    }

    [Fact]
    public void A_negative_lifetime_makes_an_expired_certificate()
    {
        using var authority = SelfMadeAuthority.OpenOrCreate(_folder.Path, _clock);
        var files = authority.Issue("gpu-1", lifetime: TimeSpan.FromHours(-1));

        using var certificate = X509Certificate2.CreateFromPemFile(files.CertFile, files.KeyFile);
        Assert.False(Verifies(certificate, authority.CaFile, _clock.GetUtcNow()));
        Assert.True(Verifies(certificate, authority.CaFile, _clock.GetUtcNow() - TimeSpan.FromHours(2)));
    }

    [Fact]
    public void Another_authority_does_not_verify_it()
    {
        using var authority = SelfMadeAuthority.OpenOrCreate(_folder.File("a"), _clock);
        using var other = SelfMadeAuthority.OpenOrCreate(_folder.File("b"), _clock);
        var files = authority.Issue("gpu-1");

        using var certificate = X509Certificate2.CreateFromPemFile(files.CertFile, files.KeyFile);
        Assert.False(Verifies(certificate, other.CaFile, _clock.GetUtcNow()));
    }

    private static bool Verifies(X509Certificate2 certificate, string caFile, DateTimeOffset at)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(caFile);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = at.LocalDateTime;
        return chain.Build(certificate);
    }
}
