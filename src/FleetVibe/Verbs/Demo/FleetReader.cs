using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace FleetVibe.Verbs.Demo;

/// <summary>Reads a running fleet as anybody could: the query API of an aggregator and the status of the gateway.</summary>
internal sealed class FleetReader : IDisposable
{
    private const uint AllWindows = 100_000;
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);

    private readonly GrpcChannel _aggregatorChannel;
    private readonly GrpcChannel _gatewayChannel;
    private readonly FleetQuery.FleetQueryClient _fleet;
    private readonly CommitLog.CommitLogClient _gateway;
    private readonly TimeProvider _time;

    public FleetReader(PeerSettings aggregators, PeerSettings gateway, TimeProvider time)
    {
        _time = time;
        _aggregatorChannel = GrpcPeer.CreateChannel(aggregators.Addresses[0], aggregators);
        _gatewayChannel = GrpcPeer.CreateChannel(gateway.Addresses[0], gateway);
        _fleet = new FleetQuery.FleetQueryClient(GrpcPeer.CreateInvoker(_aggregatorChannel, aggregators));
        _gateway = new CommitLog.CommitLogClient(GrpcPeer.CreateInvoker(_gatewayChannel, gateway));
    }

    /// <summary>Fleet and gateway as they are now; null where one of them does not answer.</summary>
    public async Task<(FleetSnapshot Fleet, GatewayStatus Gateway)?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var deadline = (_time.GetUtcNow() + AnswerWithin).UtcDateTime;
            var fleet = await _fleet.GetFleetAsync(new GetFleetRequest { Windows = AllWindows }, deadline: deadline, cancellationToken: cancellationToken);
            var gateway = await _gateway.GetStatusAsync(new GatewayStatusRequest(), deadline: deadline, cancellationToken: cancellationToken);
            return (fleet, gateway);
        }
        catch (RpcException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Everything that is committed of some series between two moments, merged.</summary>
    public async Task<SeriesTotals> MergeWindowsAsync(IEnumerable<SeriesKey> series, DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken)
    {
        var merged = new SeriesTotals();
        foreach (var key in series)
        {
            for (var start = WindowClock.StartOf(from); start <= WindowClock.StartOf(to); start += WindowClock.BaseSeconds)
            {
                var window = await _gateway.LoadWindowAsync(
                    new LoadWindowRequest { Key = new WindowKey { Series = key, Level = WindowLevel._10S, Start = start } }, cancellationToken: cancellationToken);
                merged.Merge(TotalsMapper.FromWire(window.Totals));
            }
        }

        return merged;
    }

    public void Dispose()
    {
        _aggregatorChannel.Dispose();
        _gatewayChannel.Dispose();
    }
}
