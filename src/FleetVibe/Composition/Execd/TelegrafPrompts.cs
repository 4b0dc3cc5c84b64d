using System.Runtime.InteropServices;

namespace FleetVibe.Composition.Execd;

/// <summary>
/// What Telegraf says to its plugin: a newline on standard input, or SIGHUP, SIGUSR1 or SIGUSR2, ask for a collection; the end of
/// standard input, SIGTERM and SIGINT ask for an orderly end. A second SIGTERM or SIGINT kills.
/// </summary>
internal sealed class TelegrafPrompts : IDisposable
{
    private readonly Lock _lock = new();
    private readonly StopSignals _stopSignals = new();
    private readonly CancellationTokenSource _stop;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private Action? _collect;
    private bool _isPending;

    public TelegrafPrompts()
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(_stopSignals.Token);
        foreach (var signal in CollectSignals())
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                Prompt();
            }));
        }
    }

    /// <summary>Cancelled when the process must end.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Reads the stream to its end, on a thread of its own.</summary>
    public void Listen(Stream input) => new Thread(() => Read(input)) { IsBackground = true, Name = "stdin" }.Start();

    /// <summary>From now on prompts go there; null holds back one of them for who comes next.</summary>
    public void Direct(Action? collect)
    {
        lock (_lock)
        {
            _collect = collect;
            if (_isPending && collect is not null)
            {
                _isPending = false;
                collect();
            }
        }
    }

    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _stopSignals.Dispose();
    }

    // By number where .NET has no name for it.
    private static IEnumerable<PosixSignal> CollectSignals()
    {
        if (OperatingSystem.IsWindows())
        {
            yield break;
        }

        yield return PosixSignal.SIGHUP;
        var numbers = OperatingSystem.IsLinux() ? (10, 12) : (30, 31);
        yield return (PosixSignal)numbers.Item1;
        yield return (PosixSignal)numbers.Item2;
    }

    private void Read(Stream input)
    {
        var buffer = new byte[256];
        try
        {
            for (var read = input.Read(buffer); read > 0; read = input.Read(buffer))
            {
                if (buffer.AsSpan(0, read).Contains((byte)'\n'))
                {
                    Prompt();
                }
            }
        }
        catch (IOException)
        {
            // Whoever wrote there is gone, as at its end.
        }

        _stop.Cancel();
    }

    private void Prompt()
    {
        lock (_lock)
        {
            if (_collect is null)
            {
                _isPending = true;
            }

            _collect?.Invoke();
        }
    }
}
