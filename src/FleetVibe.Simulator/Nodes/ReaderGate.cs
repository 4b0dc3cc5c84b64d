namespace FleetVibe.Simulator.Nodes;

/// <summary>Opens once every expected reader has read. Thread safe.</summary>
internal sealed class ReaderGate(ExpectedReaders expected, Func<bool> gpuToolWasSampled, TimeProvider clock)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    private int _seen;

    public void Read(ExpectedReaders reader) => Interlocked.Or(ref _seen, (int)reader);

    /// <summary>Who has not read yet.</summary>
    public ExpectedReaders Missing
    {
        get
        {
            var missing = expected & ~(ExpectedReaders)Volatile.Read(ref _seen);
            return missing.HasFlag(ExpectedReaders.GpuTool) && gpuToolWasSampled() ? missing & ~ExpectedReaders.GpuTool : missing;
        }
    }

    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        while (Missing != ExpectedReaders.None)
        {
            await Task.Delay(Poll, clock, cancellationToken);
        }
    }
}
