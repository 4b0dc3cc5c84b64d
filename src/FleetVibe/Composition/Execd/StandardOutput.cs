using FleetVibe.Agent.Printing;
using Microsoft.Win32.SafeHandles;

namespace FleetVibe.Composition.Execd;

/// <summary>Standard output as the outlet of points.</summary>
internal sealed class StandardOutput(Stream stream) : IPointOutlet
{
    private readonly TaskCompletionSource<string> _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends with the reason once nobody reads any more.</summary>
    public Task<string> Gone => _gone.Task;

    /// <summary>
    /// The stream itself: the console's would go on without an error where the reader is gone, and points that nobody got would
    /// count as printed.
    /// </summary>
    public static Stream Open()
    {
        if (OperatingSystem.IsWindows())
        {
            return Console.OpenStandardOutput();
        }

        // A file has no reader that could go; its stream would write at a place of its own, over what others write to it.
        var pipe = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return pipe.CanSeek ? Console.OpenStandardOutput() : pipe;
    }

    public Task WriteAsync(ReadOnlyMemory<byte> lines) => Task.Factory.StartNew(
        () =>
        {
            try
            {
                stream.Write(lines.Span);
                stream.Flush();
            }
            catch (IOException e)
            {
                _gone.TrySetResult(e.Message);
                throw;
            }
        },
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);
}
