using System.Diagnostics;

namespace FleetVibe.Chaos.Processes;

/// <summary>How a process is started.</summary>
/// <param name="LogFile">Gets what every run of it says, one after the other.</param>
internal sealed record ProcessPlan(string Name, string LogFile, IReadOnlyList<string> Command, IReadOnlyDictionary<string, string> Environment);

/// <summary>A process that a supervisor keeps up: one that ends without being told to is started again a second later. Thread safe.</summary>
/// <param name="ended">Told of each end that nobody asked for, with the exit code.</param>
internal sealed class Supervised(ProcessPlan plan, TimeProvider time, Action<string, int> ended) : IAsyncDisposable
{
    private static readonly TimeSpan Restart = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private Process? _process;
    private Task _watching = Task.CompletedTask;
    private volatile bool _isWanted;

    public string Name => plan.Name;

    public string LogFile => plan.LogFile;

    /// <summary>When it was last started.</summary>
    public DateTimeOffset StartedAt { get; private set; }

    /// <summary>Null while it is down.</summary>
    public int? Pid
    {
        get
        {
            var process = _process;
            try
            {
                return process is { HasExited: false } ? process.Id : null;
            }
            catch (InvalidOperationException)
            {
                return null;
            }
        }
    }

    public async Task StartAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (!_isWanted)
            {
                _isWanted = true;
                Launch();
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Sends a signal that ends it and waits for the end; a SIGTERM that is not obeyed in time becomes a SIGKILL.</summary>
    /// <returns>Whether it ended by the signal sent.</returns>
    public async Task<bool> EndAsync(Signal signal, TimeSpan patience)
    {
        await _gate.WaitAsync();
        try
        {
            _isWanted = false;
            if (_process is not { } process)
            {
                return true;
            }

            Signals.Send(process.Id, signal);
            var isObeyed = await EndsWithinAsync(process, patience);
            if (!isObeyed)
            {
                Signals.Send(process.Id, Signal.Kill);
                await process.WaitForExitAsync();
            }

            await _watching;
            return isObeyed;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Signalled(Signal signal)
    {
        if (Pid is { } pid)
        {
            Signals.Send(pid, signal);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await EndAsync(Signal.Kill, TimeSpan.FromSeconds(30));
        _process?.Dispose();
        _gate.Dispose();
        _stop.Dispose();
    }

    private void Launch()
    {
        // The shell gives way to the process itself, so that its id is the one to signal and its output needs no reader.
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, UseShellExecute = false };
        foreach (var argument in (string[])["-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", plan.LogFile, .. plan.Command])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (variable, value) in plan.Environment)
        {
            start.Environment[variable] = value;
        }

        var last = _process;
        _process = Process.Start(start)!;
        StartedAt = time.GetUtcNow();
        last?.Dispose();
        _watching = WatchAsync(_process);
    }

    private async Task WatchAsync(Process process)
    {
        await process.WaitForExitAsync();
        if (_isWanted && !_stop.IsCancellationRequested)
        {
            ended(Name, process.ExitCode);
            _ = RestartAsync(process);
        }
    }

    private async Task RestartAsync(Process ofWhich)
    {
        try
        {
            await Task.Delay(Restart, time, _stop.Token);
            await _gate.WaitAsync(_stop.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            return;
        }

        try
        {
            if (_isWanted && _process == ofWhich)
            {
                Launch();
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<bool> EndsWithinAsync(Process process, TimeSpan patience)
    {
        using var limit = new CancellationTokenSource(patience, time);
        try
        {
            await process.WaitForExitAsync(limit.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
