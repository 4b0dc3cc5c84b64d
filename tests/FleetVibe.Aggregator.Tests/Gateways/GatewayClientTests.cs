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
    private readonly Faults _faults = new();
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
    public async Task A_full_gateway_says_why_and_no_other_is_called_in_its_place()
    {
        using var client = Client(Address, Dead);
        _faults.Status = new Status(StatusCode.ResourceExhausted, "no room left");

        await Assert.ThrowsAsync<RpcException>(() => client.Commit(new CommitRequest()));
        Assert.Equal("log", (await client.LoadWindow(Request())).LogId);
        Assert.Contains("no room left", client.LastError, StringComparison.Ordinal);
        Assert.True(client.IsReachable);

        _faults.Status = null;
        await client.Commit(new CommitRequest());
        Assert.Null(client.LastError);
    }

    [Theory]
    [InlineData(StatusCode.InvalidArgument)]
    [InlineData(StatusCode.FailedPrecondition)]
    public async Task An_answer_that_another_gateway_would_give_too_is_no_failover(StatusCode answer)
    {
        using var client = Client(Address, Dead);
        await client.LoadWindow(Request());
        _faults.Status = new Status(answer, "wrong");

        Assert.Equal(answer, (await Assert.ThrowsAsync<RpcException>(() => client.Commit(new CommitRequest()))).StatusCode);

        Assert.True(client.IsReachable);
        Assert.Null(client.LastError);
        Assert.Equal("log", (await client.LoadWindow(Request())).LogId);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.DataLoss)]
    [InlineData(StatusCode.Unauthenticated)]
    public async Task A_gateway_that_cannot_serve_gives_way_to_the_next(StatusCode answer)
    {
        using var client = Client(Address, Dead);
        _faults.Status = new Status(answer, "gone");

        await Assert.ThrowsAsync<RpcException>(() => client.Commit(new CommitRequest()));
        Assert.False(client.IsReachable);

        // The next is the dead one, or this would be answered.
        await Assert.ThrowsAsync<RpcException>(() => client.LoadWindow(Request()));
        Assert.Equal("log", (await client.LoadWindow(Request())).LogId);
    }

    [Fact]
    public async Task Another_commit_log_than_the_first_is_refused()
    {
        using var client = Client(Address);
        await client.LoadWindow(Request());
        _model.LogId = "another";
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => client.LoadWindow(Request()));
        Assert.Contains("restart the aggregators", error.Message, StringComparison.Ordinal);

        // It answers all the same, which is no news.
        await client.Commit(new CommitRequest());
        Assert.Equal((error.Message, false), (client.LastError, client.IsReachable));
        _model.LogId = "log";
        await client.LoadWindow(Request());
        await client.LoadWindow(Request());
        Assert.Equal((null, true), (client.LastError, client.IsReachable));
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
        builder.Services.AddSingleton(_faults);
        _gateway = builder.Build();
        _gateway.MapGrpcService<Service>();
        await _gateway.StartAsync();
    }

    public Task DisposeAsync() => _gateway!.StopAsync();

    private Uri Address => new(_gateway!.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    private static GatewayClient Client(params Uri[] addresses) =>
        new(new PeerSettings { Addresses = addresses }, TimeProvider.System, NullLogger<GatewayClient>.Instance);

    private static LoadWindowRequest Request() => new() { Key = new WindowKey { Series = Wire.Series, Start = 10 } };

    private sealed class Faults
    {
        internal Status? Status { get; set; }
    }

    private sealed class Service(ModelGateway model, Faults faults) : CommitLog.CommitLogBase
    {
        public override Task<CommitReply> Commit(CommitRequest request, ServerCallContext context) =>
            faults.Status is { } status ? throw new RpcException(status) : Task.FromResult(new CommitReply());

        public override Task<WindowState> LoadWindow(LoadWindowRequest request, ServerCallContext context) => Task.FromResult(model.Load(request.Key));
    }
}
