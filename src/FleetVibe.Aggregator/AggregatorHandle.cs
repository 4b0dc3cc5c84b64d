namespace FleetVibe.Aggregator;

/// <summary>What others in the process may know of a running aggregator.</summary>
public sealed class AggregatorHandle
{
    private readonly TaskCompletionSource<string> _clusterAddress = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>host:port of this member's Akka remoting, once it listens: a seed for further members.</summary>
    public Task<string> ClusterAddress => _clusterAddress.Task;

    internal void Started(string clusterAddress) => _clusterAddress.TrySetResult(clusterAddress);
}
