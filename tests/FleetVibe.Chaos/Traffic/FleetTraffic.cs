using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Chaos.Traffic;

/// <summary>
/// Writes the request logs of a fleet: every node's own seeded stream, as whole lines, rotated by rename from time to time. A
/// request is in the truth before its line is in the log. What a node's log holds follows from seed, plan and the moments at
/// which this process ran.
/// </summary>
public sealed class FleetTraffic : IAsyncDisposable
{
    /// <summary>The task that every line names.</summary>
    public const string TaskName = "algorithm_reasoning";

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    // None may go while an agent is down: a file that is gone is a gap, not a fault of the product.
    private const int KeptFiles = 1000;

    private readonly TimeProvider _time;
    private readonly List<Node> _nodes;
    private readonly CancellationTokenSource _stop = new();
    private Task? _writing;

    /// <summary>Creates the logs, empty: an agent that has stored its first checkpoint before the traffic starts reads every line.</summary>
    /// <exception cref="IOException">A log cannot be created.</exception>
    public FleetTraffic(int seed, IReadOnlyList<NodePlan> nodes, TimeProvider time)
    {
        _time = time;
        var seeds = new Random(seed);
        _nodes = [.. nodes.Select(plan => new Node(plan, new NodeRequests(plan, seeds.Next()), new RequestLog(plan.LogPath, rotateEvery: null, KeptFiles)))];
    }

    /// <summary>Complete when <see cref="StopAsync"/> has returned; until then only its <see cref="TrafficTruth.Requests"/> may be read.</summary>
    public TrafficTruth Truth { get; } = new();

    /// <summary>Begins to write.</summary>
    public Task StartAsync()
    {
        _writing ??= WriteAsync();
        return Task.CompletedTask;
    }

    /// <summary>Returns when every line of the truth stands in its log.</summary>
    /// <exception cref="IOException">A line could not be written; the truth holds more than the logs.</exception>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await (_writing ?? Task.CompletedTask);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await StopAsync();
        }
        finally
        {
            _nodes.ForEach(node => node.Log.Dispose());
            _stop.Dispose();
        }
    }

    private async Task WriteAsync()
    {
        using var timer = new PeriodicTimer(Tick, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                WriteUntil(_time.GetUtcNow());
            }
        }
        catch (OperationCanceledException)
        {
            // Between two batches: what was finished is written.
        }
    }

    /// <summary>One round over all nodes.</summary>
    internal void WriteUntil(DateTimeOffset now)
    {
        foreach (var (plan, requests, log) in _nodes)
        {
            var batch = requests.Until(now);
            foreach (var request in batch)
            {
                Truth.Add(request);
            }

            log.Append([.. batch.Select(request => request with { CompletedMs = request.CompletedMs + (long)plan.ClockOffset.TotalMilliseconds })]);
            if (requests.RotatesAt(now))
            {
                log.Rotate();
            }
        }
    }

    private sealed record Node(NodePlan Plan, NodeRequests Requests, RequestLog Log);
}
