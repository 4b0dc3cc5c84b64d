using FleetVibe.Gateway;
using FleetVibe.Protocol.Transport;
using FleetVibe.Verbs;
using FleetVibe.Verbs.Replay;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Tests.Verbs;

public sealed class ReplayCommandTests : IDisposable
{
    private static readonly DateTimeOffset From = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("fleetvibe-test-").FullName;
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public void Dispose()
    {
        _output.Dispose();
        _error.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task It_asks_the_gateway_and_says_how_many_points_go_out()
    {
        await using var gateway = await StartGatewayAsync();

        Assert.Equal(ExitCodes.Ok, await RunAsync(gateway, "right"));
        Assert.Equal("0 delivered points are sent once more", _output.ToString().Trim());
    }

    [Fact]
    public async Task A_gateway_that_refuses_is_exit_code_1_with_the_cure()
    {
        await using var gateway = await StartGatewayAsync();

        Assert.Equal(ExitCodes.VerdictFailed, await RunAsync(gateway, "wrong"));
        Assert.Contains("--token-file must hold", _error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_wrong_with_the_call_itself_is_exit_code_2()
    {
        var peer = new PeerSettings { Addresses = [new Uri("http://127.0.0.1:9")], Token = BearerToken.FromFile(Path.Combine(_folder, "none")) };
        Assert.Equal(ExitCodes.Usage, await ReplayCommand.RunAsync(peer, From, From.AddHours(1), _output, _error, CancellationToken.None));
        Assert.Contains("none", _error.ToString(), StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Usage, await ReplayCommand.RunAsync(peer, From, From, _output, _error, CancellationToken.None));
        Assert.Contains("--from must be before --to", _error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2026-11-24T08:00:00Z", true)]
    [InlineData("2026-11-24T08:00:00.25Z", true)]
    [InlineData("2026-11-24T09:00:00+01:00", true)]
    [InlineData("2026-11-24T08:00:00", false)]
    [InlineData("2026-11-24", false)]
    [InlineData("1 hour ago", false)]
    public void Times_have_a_zone(string time, bool good) => Assert.Equal(good, Errors("https://gw:7073", time).Count == 0);

    [Theory]
    [InlineData("https://gw:7073", true)]
    [InlineData("http://127.0.0.1:7073", true)]
    [InlineData("http://gw:7073", false)]
    [InlineData("gw:7073", false)]
    public void The_token_crosses_no_network_without_tls(string gateway, bool good) => Assert.Equal(good, Errors(gateway, "2026-11-24T08:00:00Z").Count == 0);

    private static List<string> Errors(string gateway, string from) =>
        [.. CommandLine.Create().Parse(["replay", "--gateway", gateway, "--token-file", "t", "--from", from, "--to", "2026-11-24T10:00:00Z"]).Errors.Select(e => e.Message)];

    private async Task<int> RunAsync(WebApplication gateway, string token)
    {
        var file = Path.Combine(_folder, "token");
        await File.WriteAllTextAsync(file, token + "\n");
        var peer = new PeerSettings { Addresses = [new Uri(gateway.Urls.Single())], Token = BearerToken.FromFile(file) };
        return await ReplayCommand.RunAsync(peer, From, From.AddHours(1), _output, _error, CancellationToken.None);
    }

    private async Task<WebApplication> StartGatewayAsync()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.AddFleetVibeGateway(new GatewaySettings
        {
            Listen = new ListenSettings { Address = ListenAddress.Ephemeral, Token = BearerToken.FromText("right") },
            DataDirectory = _folder,
            Telegraf = new TelegrafSettings { Url = new Uri("http://127.0.0.1:9") },
        });
        var app = builder.Build();
        app.MapFleetVibeGateway();
        await app.StartAsync();
        return app;
    }
}
