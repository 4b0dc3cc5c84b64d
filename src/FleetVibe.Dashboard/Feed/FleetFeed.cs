using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Dashboard.Feed;

/// <summary>
/// Keeps the newest snapshot of one aggregator after the other: where one is gone, the next is watched.
/// </summary>
internal sealed partial class FleetFeed(DashboardSettings settings, TimeProvider time, ILogger<FleetFeed> log) : BackgroundService
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    // Aggregators speak at least every few seconds; a stream that is silent for longer is half open.
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(15);

    private readonly RecentSnapshots _recent = new();
    private volatile FeedState _state = new(null, null, "no aggregator has answered yet");

    public FeedState State => _state;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var next = 0; !stoppingToken.IsCancellationRequested; next++)
        {
            var address = settings.Aggregators.Addresses[next % settings.Aggregators.Addresses.Count];
            var failure = await WatchAsync(address, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.None);
            if (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            if (_state.Error is null)
            {
                LogLost(address, failure);
            }

            _state = _state with { Error = $"{address}: {failure}" };
            try
            {
                await Task.Delay(RetryDelay, time, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<string> WatchAsync(Uri address, CancellationToken stopping)
    {
        using var silence = new CancellationTokenSource(SilenceLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, silence.Token);
        try
        {
            using var channel = GrpcPeer.CreateChannel(address, settings.Aggregators);
            var client = new FleetQuery.FleetQueryClient(GrpcPeer.CreateInvoker(channel, settings.Aggregators));
            using var call = client.WatchFleet(new GetFleetRequest(), cancellationToken: either.Token);
            await foreach (var snapshot in call.ResponseStream.ReadAllAsync(either.Token))
            {
                silence.CancelAfter(SilenceLimit);
                if (_state.Error is not null)
                {
                    LogWatching(address);
                }

                var now = time.GetUtcNow();
                _state = new FeedState(snapshot, now, null) { Earlier = _recent.Take(snapshot, now) };
            }

            return "the aggregator ended the stream";
        }
        catch (Exception e)
        {
            return silence.IsCancellationRequested ? $"nothing heard for {SilenceLimit.TotalSeconds:0} s"
                : e is RpcException rpc ? $"{rpc.StatusCode}: {rpc.Status.Detail}" : e.Message;
        }
    }

    [LoggerMessage(1, LogLevel.Information, "The page shows the fleet as {Address} sees it")]
    private partial void LogWatching(Uri address);

    [LoggerMessage(2, LogLevel.Warning, "The page lost {Address}: {Reason}")]
    private partial void LogLost(Uri address, string reason);
}

/// <summary>The newest snapshot, when it came, and why no newer one does.</summary>
internal sealed record FeedState(FleetSnapshot? Snapshot, DateTimeOffset? ReceivedAt, string? Error)
{
    /// <summary>A snapshot old enough to judge the ledger by; null until there is one.</summary>
    public FleetSnapshot? Earlier { get; init; }
}
