using System.Security.Cryptography.X509Certificates;
using FleetVibe.Aggregator.Membership;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Aggregator.Tests.Membership;

public class ClusterTlsTests
{
    private static readonly ListenAddress Everywhere = new(null, 7072);

    [Fact]
    public void A_member_that_others_can_reach_does_not_start_without_tls()
    {
        var error = Assert.Throws<InvalidOperationException>(() => ClusterTls.Load(new ClusterSettings { Listen = Everywhere }));
        Assert.Contains("cert_file, key_file and ca_file", error.Message, StringComparison.Ordinal);
        Assert.Contains(":7072", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Insecure_and_loopback_need_no_tls()
    {
        Assert.Null(ClusterTls.Load(new ClusterSettings { Listen = Everywhere, Insecure = true }));
        Assert.Null(ClusterTls.Load(new ClusterSettings()));
    }

    [Fact]
    public void A_certificate_without_its_authority_is_an_error()
    {
        using var authority = new TestAuthority("one");
        var (certificate, key) = authority.Issue("agg-1");
        Assert.Throws<InvalidOperationException>(() => ClusterTls.Load(new ClusterSettings { CertFile = certificate, KeyFile = key }));
    }

    [Fact]
    public void Only_members_of_the_same_authority_are_believed()
    {
        using var ours = new TestAuthority("one");
        using var theirs = new TestAuthority("two");
        var (certificate, key) = ours.Issue("agg-1");
        var tls = ClusterTls.Load(new ClusterSettings { CertFile = certificate, KeyFile = key, CaFile = ours.CaFile });
        Assert.True(tls!.Certificate.HasPrivateKey);
        using var friend = X509CertificateLoader.LoadCertificateFromFile(ours.Issue("agg-2").CertFile);
        using var stranger = X509CertificateLoader.LoadCertificateFromFile(theirs.Issue("agg-2").CertFile);
        Assert.True(tls.IsTrusted(friend));
        Assert.False(tls.IsTrusted(stranger));
    }
}
