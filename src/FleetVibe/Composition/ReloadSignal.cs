using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace FleetVibe.Composition;

/// <summary>SIGHUP: asks for the configuration to be read again. Several before an answer are one.</summary>
internal sealed class ReloadSignal : IDisposable
{
    private readonly Channel<bool> _asked = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly PosixSignalRegistration? _registration;

    // On Windows it means that the console closes.
    public ReloadSignal() => _registration = OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(PosixSignal.SIGHUP, Handle);

    /// <summary>Whether it came since the last call; waits for it at most so long.</summary>
    public async Task<bool> WaitAsync(TimeSpan atMost, TimeProvider time, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(atMost, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await _asked.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    public void Dispose() => _registration?.Dispose();

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        _asked.Writer.TryWrite(true);
    }
}
