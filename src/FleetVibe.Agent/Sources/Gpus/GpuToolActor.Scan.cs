using Akka.Actor;
using Akka.Event;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>
/// The second query, once an interval: who holds memory, and MIG instances. It is only asked while the first brings
/// samples, and never while an earlier one has not ended, so that at most one of either can hang.
/// </summary>
internal sealed partial class GpuToolActor
{
    private const string ScanTimer = "scan";
    private const int MaxScanLines = 200_000;

    private static readonly TimeSpan ScanTimeout = TimeSpan.FromSeconds(8);

    private CancellationTokenSource? _scan;
    private bool _isScanning;

    private void Scan()
    {
        if (_watch is not null && _isStarted && _scanner is not null && !_isScanning && _isRunning && _hasSample && _tool.ScanArguments is { } arguments)
        {
            _isScanning = true;
            var cancellation = _scan = new CancellationTokenSource();
            Task.Run(() => ScanAsync(_scanner, _settings.Command, arguments, cancellation.Token))
                .PipeTo(Self, success: ended => ended, failure: _ => new ScanEnded(-1, []));
            Timers.StartSingleTimer(ScanTimer, ScanTooLong.Instance, ScanTimeout);
        }
    }

    private static async Task<ScanEnded> ScanAsync(IToolProcess scanner, string command, IReadOnlyList<string> arguments, CancellationToken kill)
    {
        var lines = new List<string>();
        var exitCode = await scanner.RunAsync(
            command,
            arguments,
            line =>
            {
                if (lines.Count < MaxScanLines)
                {
                    lines.Add(line);
                }
            },
            kill);
        return new ScanEnded(exitCode, lines);
    }

    private void OnScanned(ScanEnded ended)
    {
        Timers.Cancel(ScanTimer);
        _isScanning = false;
        _scan?.Dispose();
        _scan = null;
        var now = _time.GetUtcNow();
        if (ended.ExitCode != 0 || _tool.ReadScan(ended.Lines, now) is not { } read)
        {
            _reporter.Skip(1);
            return;
        }

        _watch!.Scan(read.Gpus, read.Processes, now);
        _reporter.Add(read.Instances);
    }

    private void KillScan()
    {
        var cancellation = _scan;
        _scan = null;
        _ = cancellation?.CancelAsync();
    }

    private sealed record ScanEnded(int ExitCode, IReadOnlyList<string> Lines) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed class ScanTooLong : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        public static ScanTooLong Instance { get; } = new();

        private ScanTooLong()
        {
        }
    }
}
