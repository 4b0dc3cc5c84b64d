using FleetVibe.Aggregator.Gateways;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace FleetVibe.Aggregator.Tests.Gateways;

public sealed class GatewayClientTests : IAsyncLifetime
{
    // Nothing listens on port 1.
    private static readonly Uri Dead = new("http://127.0.0.1:1");
    private readonly ModelGateway _model = new();
    private WebApplication? _gateway;

    [Fact]
    public async Task After_a_failure_the_next_address_is_called()
    {
        using var client = Client(Dead, Address);
        Assert.False(client.IsReachable);
        await Assert.ThrowsAsync<RpcException>(() => client.LoadWindow(Request()));
        Assert.NotNull(client.LastError);
        Assert.Equal("log", (await client.LoadWindow(Request())).LogId);
        Assert.True(client.IsReachable);
        Assert.Null(client.LastError);
    }

    [Fact]
    public async Task Another_commit_log_than_the_first_is_refused()
    {
        using var client = Client(Address);
        await client.LoadWindow(Request());
        _model.LogId = "another";
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => client.LoadWindow(Request()));
        Assert.Contains("restart the aggregators", error.Message, StringComparison.Ordinal);
        _model.LogId = "log";
        await client.LoadWindow(Request());
    }

    [Fact]
    public void A_client_without_addresses_says_what_is_missing() =>
        Assert.Contains("aggregator.gateways", Assert.Throws<InvalidOperationException>(() => Client()).Message, StringComparison.Ordinal);

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.ListenForGrpc(new ListenSettings { Address = ListenAddress.Ephemeral });
        builder.Services.AddSingleton(_model);
        _gateway = builder.Build();
        _gateway.MapGrpcService<Service>();
        await _gateway.StartAsync();
    }

    public Task DisposeAsync() => _gateway!.StopAsync();

    private Uri Address => new(_gateway!.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    private static GatewayClient Client(params Uri[] addresses) =>
        new(new PeerSettings { Addresses = addresses }, TimeProvider.System, NullLogger<GatewayClient>.Instance);

    private static LoadWindowRequest Request() => new() { Key = new WindowKey { Series = Wire.Series, Start = 10 } };

    private sealed class Service(ModelGateway model) : CommitLog.CommitLogBase
    {
        public override Task<WindowState> LoadWindow(LoadWindowRequest request, ServerCallContext context) => Task.FromResult(model.Load(request.Key));
    }
}
