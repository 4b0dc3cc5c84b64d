using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace FleetVibe.Chaos.Fleet;

/// <summary>Asks the processes themselves, past all proxies, as anybody could.</summary>
internal sealed class FleetProbe : IDisposable
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);

    private readonly List<GrpcChannel> _channels = [];
    private readonly IReadOnlyList<FleetQuery.FleetQueryClient> _aggregators;
    private readonly IReadOnlyList<CommitLog.CommitLogClient> _gateways;
    private readonly TimeProvider _time;

    public FleetProbe(IEnumerable<int> aggregators, IEnumerable<int> gateways, TimeProvider time)
    {
        _time = time;
        _aggregators = [.. aggregators.Select(port => new FleetQuery.FleetQueryClient(Channel(port)))];
        _gateways = [.. gateways.Select(port => new CommitLog.CommitLogClient(Channel(port)))];
    }

    /// <summary>The fleet as the first aggregator that answers sees it; null where none does.</summary>
    public async Task<FleetSnapshot?> FleetAsync(CancellationToken cancellationToken)
    {
        foreach (var aggregator in _aggregators)
        {
            if (await TryAsync(options => aggregator.GetFleetAsync(new GetFleetRequest { Windows = 1 }, options), cancellationToken) is { } fleet)
            {
                return fleet;
            }
        }

        return null;
    }

    /// <summary>The commit log as the first gateway that answers sees it; null where none does.</summary>
    public async Task<GatewayStatus?> GatewayAsync(CancellationToken cancellationToken)
    {
        foreach (var gateway in _gateways)
        {
            if (await TryAsync(options => gateway.GetStatusAsync(new GatewayStatusRequest(), options), cancellationToken) is { } status)
            {
                return status;
            }
        }

        return null;
    }

    /// <summary>Whether every aggregator answers and sees so many members.</summary>
    public async Task<bool> HasAllMembersAsync(int members, CancellationToken cancellationToken)
    {
        var views = await Task.WhenAll(_aggregators.Select(a => TryAsync(options => a.GetFleetAsync(new GetFleetRequest { Windows = 1 }, options), cancellationToken)));
        return views.All(view => view is not null && view.Members.Count(m => m.Status == "Up" && m.Reachable) == members);
    }

    public void Dispose()
    {
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }
    }

    private CallInvoker Channel(int port)
    {
        var peer = new PeerSettings { Addresses = [new Uri($"http://127.0.0.1:{port}")] };
        var channel = GrpcPeer.CreateChannel(peer.Addresses[0], peer);
        _channels.Add(channel);
        return GrpcPeer.CreateInvoker(channel, peer);
    }

    private async Task<T?> TryAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            return await call(new CallOptions(deadline: (_time.GetUtcNow() + AnswerWithin).UtcDateTime, cancellationToken: cancellationToken));
        }
        catch (RpcException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return null;
        }
    }
}
