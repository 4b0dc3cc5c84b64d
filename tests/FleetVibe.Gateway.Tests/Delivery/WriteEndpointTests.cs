using FleetVibe.Gateway.Delivery;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Gateway.Tests.Delivery;

public sealed class WriteEndpointTests
{
    [Theory]
    [InlineData("http://127.0.0.1:8187")]
    [InlineData("http://127.0.0.1:8187/")]
    public void The_path_is_clean_whether_or_not_the_address_ends_in_a_slash(string url)
    {
        var endpoint = new WriteEndpoint(new TelegrafSettings { Url = new Uri(url), Bucket = "fleet data", Org = "o&k" });
        Assert.Equal("http://127.0.0.1:8187/api/v2/write?bucket=fleet%20data&org=o%26k&precision=ns", endpoint.Write.AbsoluteUri);
    }

    [Fact]
    public void Each_dialect_has_its_path_and_scheme()
    {
        var token = BearerToken.FromText("secret");
        var v2 = new WriteEndpoint(new TelegrafSettings { Url = new Uri("https://t/proxy"), Token = token });
        Assert.Equal(("https://t/proxy/api/v2/write?precision=ns", "Token secret"), (v2.Write.AbsoluteUri, v2.Authorization()!.ToString()));

        var v1 = new WriteEndpoint(new TelegrafSettings
        {
            Url = new Uri("https://t"), Dialect = TelegrafDialect.InfluxDbV1, Database = "d", RetentionPolicy = "r", Username = "u", Password = token, CreateDatabase = true,
        });
        Assert.Equal(("https://t/write?db=d&rp=r", "Basic dTpzZWNyZXQ="), (v1.Write.AbsoluteUri, v1.Authorization()!.ToString()));
        Assert.Equal("https://t/query?q=CREATE%20DATABASE%20%22d%22", v1.CreateDatabase!.AbsoluteUri);

        var http = new WriteEndpoint(new TelegrafSettings { Url = new Uri("https://t"), Dialect = TelegrafDialect.HttpListenerV2, Path = "in" });
        Assert.Equal("https://t/in", http.Write.AbsoluteUri);
        Assert.Null(http.Authorization());
    }

    [Theory]
    [InlineData("http://telegraf:8187", false, false)]
    [InlineData("http://telegraf:8187", true, true)]
    [InlineData("https://telegraf:8187", false, true)]
    [InlineData("http://127.0.0.1:8187", false, true)]
    [InlineData("http://localhost:8187", false, true)]
    public void A_token_never_goes_over_plain_http_to_another_machine_unless_told_so(string url, bool insecure, bool allowed)
    {
        var settings = new TelegrafSettings { Url = new Uri(url), Token = BearerToken.FromText("secret"), Insecure = insecure };
        if (allowed)
        {
            _ = new WriteEndpoint(settings);
        }
        else
        {
            Assert.Contains("use https", Assert.Throws<InvalidOperationException>(() => new WriteEndpoint(settings)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_password_in_the_address_is_refused_and_not_repeated()
    {
        var error = Assert.Throws<InvalidOperationException>(() => new WriteEndpoint(new TelegrafSettings { Url = new Uri("https://u:hunter2@t") }));
        Assert.DoesNotContain("hunter2", error.Message, StringComparison.Ordinal);
    }
}
