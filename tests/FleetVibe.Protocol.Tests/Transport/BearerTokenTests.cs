using FleetVibe.Protocol.Transport;

namespace FleetVibe.Protocol.Tests.Transport;

public sealed class BearerTokenTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void A_token_file_is_trimmed_and_read_again_when_it_changes()
    {
        File.WriteAllText(_path, " first\r\n");
        var token = BearerToken.FromFile(_path);
        Assert.Equal("first", token.Current);

        File.WriteAllText(_path, "second");
        Assert.Equal("second", token.Current);
        Assert.True(token.Matches("second"));
        Assert.False(token.Matches("first"));
    }

    [Fact]
    public void A_link_that_is_turned_to_another_file_brings_another_token()
    {
        var folder = Directory.CreateTempSubdirectory("fleetvibe-token-").FullName;
        try
        {
            foreach (var version in new[] { "first", "other" })
            {
                Directory.CreateDirectory(Path.Combine(folder, version));
                File.WriteAllText(Path.Combine(folder, version, "token"), version);
                File.SetLastWriteTimeUtc(Path.Combine(folder, version, "token"), DateTime.UnixEpoch);
            }

            var data = Path.Combine(folder, "..data");
            Directory.CreateSymbolicLink(data, "first");
            File.CreateSymbolicLink(Path.Combine(folder, "token"), Path.Combine("..data", "token"));
            var token = BearerToken.FromFile(Path.Combine(folder, "token"));
            Assert.Equal("first", token.Current);

            Directory.Delete(data);
            Directory.CreateSymbolicLink(data, "other");
            Assert.Equal("other", token.Current);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_file_that_is_being_replaced_leaves_the_last_good_token()
    {
        File.WriteAllText(_path, "good");
        var token = BearerToken.FromFile(_path);
        Assert.Equal("good", token.Current);

        File.WriteAllText(_path, "");
        Assert.Equal("good", token.Current);
    }

    [Theory]
    [InlineData("")]
    [InlineData("two lines\nof it")]
    public void A_file_that_never_held_a_token_is_an_error_that_names_it(string content)
    {
        File.WriteAllText(_path, content);

        var error = Assert.Throws<InvalidDataException>(() => BearerToken.FromFile(_path).Current);
        Assert.Contains(_path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_never_prints_itself() => Assert.DoesNotContain("s3cret", BearerToken.FromText("s3cret").ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData(":7071", null, 7071, false)]
    [InlineData("*:7071", null, 7071, false)]
    [InlineData("127.0.0.1:7070", "127.0.0.1", 7070, true)]
    [InlineData("localhost:0", "127.0.0.1", 0, true)]
    [InlineData("[::1]:7070", "::1", 7070, true)]
    [InlineData("0.0.0.0:7070", "0.0.0.0", 7070, false)]
    public void A_listen_address_says_who_can_reach_it(string text, string? address, int port, bool loopback)
    {
        Assert.True(ListenAddress.TryParse(text, out var parsed));
        Assert.Equal((address, port, loopback), (parsed.Address?.ToString(), parsed.Port, parsed.IsLoopback));
    }

    [Theory]
    [InlineData("7071")]
    [InlineData("agg-1:7071")]
    [InlineData("127.0.0.1:70711")]
    [InlineData("127.0.0.1:-1")]
    public void What_is_no_listen_address_is_refused(string text) => Assert.False(ListenAddress.TryParse(text, out _));

    [Theory]
    [InlineData(":7071", true, true, false, true)]
    [InlineData(":7071", false, true, false, false)]
    [InlineData(":7071", true, false, false, false)]
    [InlineData(":7071", false, false, true, true)]
    [InlineData("127.0.0.1:7071", false, false, false, true)]
    public void Off_loopback_a_port_takes_TLS_and_a_token_or_insecure(string listen, bool tls, bool token, bool insecure, bool allowed)
    {
        Assert.True(ListenAddress.TryParse(listen, out var address));
        var settings = new ListenSettings
        {
            Address = address, CertFile = tls ? "cert.pem" : null, Token = token ? BearerToken.FromText("t") : null, Insecure = insecure,
        };

        var refusal = Record.Exception(() => ListenExtensions.RequireProtection(settings));
        Assert.Equal(allowed, refusal is null);
        Assert.True(allowed || refusal!.Message.Contains("cert_file", StringComparison.Ordinal));
    }
}
