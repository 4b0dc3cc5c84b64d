using FleetVibe.Gateway.Tests.Delivery;
using FleetVibe.Gateway.Tests.Store;
using FleetVibe.Protocol.Transport;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Tests.Service;

public sealed class GatewayServiceTests : IAsyncLifetime, IDisposable
{
    private readonly BearerToken _token = BearerToken.Random();
    private readonly TestLog _folder = new();
    private StandInTelegraf _telegraf = null!;
    private WebApplication _app = null!;

    public async Task InitializeAsync()
    {
        _telegraf = await StandInTelegraf.StartAsync();
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.AddFleetVibeGateway(_folder.Settings with
        {
            Listen = new ListenSettings { Address = ListenAddress.Ephemeral, Token = _token },
            Telegraf = new TelegrafSettings { Url = _telegraf.Url, FlushInterval = TimeSpan.FromMilliseconds(20) },
        });
        _app = builder.Build();
        _app.MapFleetVibeGateway();
        await _app.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        await _telegraf.DisposeAsync();
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_commit_over_the_wire_reaches_telegraf_and_the_status()
    {
        var arrived = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        _telegraf.By(r =>
        {
            if (r.Lines.FirstOrDefault(l => l.StartsWith("vibe_fleet,", StringComparison.Ordinal)) is { } line)
            {
                arrived.TrySetResult(line);
            }

            return new Answer(204);
        });
        using var client = Connect(_token);
        var start = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 10 * 10;
        var loaded = await client.Log.LoadWindowAsync(new LoadWindowRequest { Key = TestLog.Window(start) });
        var request = new CommitRequest { Key = TestLog.Window(start), Totals = TestLog.Totals(3), LogId = loaded.LogId };
        request.Added.Add(TestLog.Part(1, 3));
        request.ExpectedHosts.Add("gpu-1");

        var reply = await client.Log.CommitAsync(request);

        Assert.Equal(CommitReply.Types.Outcome.Committed, reply.Outcome);
        Assert.Contains("requests=3i", await arrived.Task.WaitAsync(TimeSpan.FromSeconds(60)), StringComparison.Ordinal);
        var status = await client.Log.GetStatusAsync(new GatewayStatusRequest());
        Assert.Equal((3UL, loaded.LogId), (status.Committed, status.LogId));
        Assert.True(status.StoreBytes > 0);
    }

    [Fact]
    public async Task A_replay_over_the_wire_sends_delivered_points_once_more_and_counts_nothing_twice()
    {
        using var client = Connect(_token);
        var start = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 10 * 10;
        var arrived = 0;
        var again = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _telegraf.By(r =>
        {
            arrived += r.Lines.Count(l => l.Contains("window=10s", StringComparison.Ordinal));
            if (arrived == 2)
            {
                again.TrySetResult();
            }

            return new Answer(204);
        });
        var loaded = await client.Log.LoadWindowAsync(new LoadWindowRequest { Key = TestLog.Window(start) });
        var commit = new CommitRequest { Key = TestLog.Window(start), Totals = TestLog.Totals(3), LogId = loaded.LogId };
        commit.Added.Add(TestLog.Part(1, 3));
        await client.Log.CommitAsync(commit);

        // Answers 0 until the first delivery is noted.
        var request = new ReplayRequest { FromUnix = start, ToUnix = start + 1 };
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while ((await client.Log.ReplayAsync(request, cancellationToken: limit.Token)).Points == 0)
        {
        }

        await again.Task.WaitAsync(limit.Token);
        var status = await client.Log.GetStatusAsync(new GatewayStatusRequest());
        Assert.Equal(status.PointsProduced, status.PointsQueued + status.PointsDelivered + status.PointsSuperseded + status.PointsDeadLettered);
        Assert.Equal(3UL, status.Committed);
    }

    [Fact]
    public async Task A_caller_without_the_token_is_refused()
    {
        using var client = Connect(BearerToken.Random());
        var error = await Assert.ThrowsAsync<RpcException>(async () => await client.Log.GetStatusAsync(new GatewayStatusRequest()));
        Assert.Equal(StatusCode.Unauthenticated, error.StatusCode);
    }

    [Fact]
    public async Task A_message_that_contradicts_itself_is_refused_with_its_reason()
    {
        using var client = Connect(_token);
        await RefusedAsync("start", () => client.Log.LoadWindowAsync(new LoadWindowRequest { Key = TestLog.Window(1_700_000_011) }));
        await RefusedAsync("model", () => client.Log.LoadOpenWindowsAsync(new LoadOpenWindowsRequest { Series = new SeriesKey() }));
        await RefusedAsync("instance", () => client.Log.AdmitInstanceAsync(new AdmitInstanceRequest { Node = "n" }));
        var totals = TestLog.Totals(3);
        totals.ResponseTime.ExactCount = 99;
        await RefusedAsync("totals", () => client.Log.CommitAsync(new CommitRequest { Key = TestLog.Window(), Totals = totals }));
        await RefusedAsync("refusal", () => client.Log.RefusePartAsync(
            new RefusePartRequest { Key = TestLog.Window(), Part = TestLog.Part(1, 1), Fate = Fate.Committed }));
        await RefusedAsync("to_unix", () => client.Log.ReplayAsync(new ReplayRequest { FromUnix = 20, ToUnix = 20 }));
    }

    [Fact]
    public async Task Points_of_a_node_that_nobody_holds_are_asked_for_again()
    {
        using var client = Connect(_token);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await client.Log.PutPointsAsync(new PutPointsRequest { Record = TestLog.Record(1) }));
        Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
    }

    private static async Task RefusedAsync<T>(string word, Func<AsyncUnaryCall<T>> call)
    {
        var error = await Assert.ThrowsAsync<RpcException>(async () => await call());
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Contains(word, error.Status.Detail, StringComparison.Ordinal);
    }

    private Client Connect(BearerToken token) => new(new Uri(_app.Urls.Single()), token);

    private sealed class Client : IDisposable
    {
        private readonly Grpc.Net.Client.GrpcChannel _channel;

        internal Client(Uri address, BearerToken token)
        {
            var peer = new PeerSettings { Addresses = [address], Token = token };
            _channel = GrpcPeer.CreateChannel(address, peer);
            Log = new CommitLog.CommitLogClient(GrpcPeer.CreateInvoker(_channel, peer));
        }

        internal CommitLog.CommitLogClient Log { get; }

        public void Dispose() => _channel.Dispose();
    }
}
