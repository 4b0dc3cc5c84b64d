using System.Diagnostics;
using System.Globalization;
using System.Text;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>
/// Does to a plugin what Telegraf's inputs.execd does (plugins/inputs/execd, internal/process): starts it with three pipes; parses
/// its standard output as one endless stream of line protocol; reads standard error line by line; a newline or a signal for each
/// interval; after any exit waits and starts it again, unless it shall stop on errors; to stop closes standard input, and 5 s later
/// sends SIGTERM, and 5 s later SIGKILL.
/// </summary>
internal sealed class TelegrafExecd : IAsyncDisposable
{
    private const int LongestErrorLine = 64 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly ProcessStartInfo _start;
    private readonly TimeSpan _restartDelay;
    private readonly bool _stopOnError;
    private readonly List<ParsedPoint> _points = [];
    private readonly List<string> _rejected = [];
    private readonly List<string> _errorLines = [];
    private readonly List<int> _exits = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _run;
    private volatile TaskCompletionSource _reading;
    private Process _process = null!;

    /// <param name="restartDelay">10 s in Telegraf where nothing else is said.</param>
    public TelegrafExecd(IReadOnlyDictionary<string, string> environment, TimeSpan restartDelay, bool stopOnError, bool reads, params string[] arguments)
    {
        _start = new ProcessStartInfo("dotnet", [Binary.AssemblyPath, .. arguments])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        _start.Environment["DOTNET_gcServer"] = "0";
        _start.Environment["DOTNET_TieredPGO"] = "0";
        foreach (var (name, value) in environment)
        {
            _start.Environment[name] = value;
        }

        (_restartDelay, _stopOnError) = (restartDelay, stopOnError);
        _reading = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (reads)
        {
            _reading.SetResult();
        }

        _run = RunAsync(Launch());
    }

    public bool NeededTerm { get; private set; }

    /// <summary>What the stream ended in without a line break: of a plugin that was cut off.</summary>
    public string Leftover { get; private set; } = "";

    public IReadOnlyList<ParsedPoint> Points => Copy(_points);

    /// <summary>What is no line protocol.</summary>
    public IReadOnlyList<string> Rejected => Copy(_rejected);

    public IReadOnlyList<string> ErrorLines => Copy(_errorLines);

    /// <summary>Exit codes, one for each time that it ended.</summary>
    public IReadOnlyList<int> Exits => Copy(_exits);

    public string Story => $"exits {string.Join(", ", Exits)}; {Points.Count} points; rejected: {string.Join(" | ", Rejected)}; standard error:\n{string.Join('\n', ErrorLines)}";

    /// <summary>One interval with signal = "STDIN".</summary>
    public void Gather()
    {
        try
        {
            _process.StandardInput.Write('\n');
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // Logged by Telegraf; the tick is lost.
        }
    }

    /// <summary>One interval with another signal, such as USR1; or KILL, as the kernel's OOM killer would.</summary>
    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    /// <summary>The outputs take metrics again.</summary>
    public void ReadOn() => _reading.TrySetResult();

    /// <summary>Telegraf's end of standard output is gone; only where nothing of it is being read.</summary>
    public void CloseOutput()
    {
        _process.StandardOutput.BaseStream.Dispose();
        ReadOn();
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        _process.StandardInput.Close();
        if (!await ExitsAsync())
        {
            NeededTerm = true;
            await SignalAsync("TERM");
            if (!await ExitsAsync())
            {
                _process.Kill();
            }
        }

        ReadOn();
        await _run;
    }

    /// <summary>Waits until it ended for good.</summary>
    public Task EndedAsync(TimeSpan limit) => Eventually.Holds(() => _run.IsCompleted, limit, () => $"it goes on: {Story}");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _reading.TrySetResult();
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _run;
        _process.Dispose();
        _stop.Dispose();
    }

    private Process Launch() => _process = Process.Start(_start)!;

    private async Task RunAsync(Process process)
    {
        while (true)
        {
            await Task.WhenAll(ReadPointsAsync(process.StandardOutput.BaseStream), ReadErrorsAsync(process.StandardError.BaseStream));
            await process.WaitForExitAsync();
            lock (_lock)
            {
                _exits.Add(process.ExitCode);
            }

            if (_stop.IsCancellationRequested || (_stopOnError && process.ExitCode != 0))
            {
                return;
            }

            try
            {
                await Task.Delay(_restartDelay, TimeProvider.System, _stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            process = Launch();
        }
    }

    private async Task<bool> ExitsAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task ReadPointsAsync(Stream output)
    {
        var pending = new List<byte>();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            await _reading.Task;
            var read = await ReadAsync(output, buffer);
            if (read == 0)
            {
                Leftover = Encoding.UTF8.GetString([.. pending]);
                return;
            }

            pending.AddRange(buffer.AsSpan(0, read));
            var whole = pending.LastIndexOf((byte)'\n') + 1;
            var result = LineProtocolReader.Read(pending[..whole].ToArray());
            pending.RemoveRange(0, whole);
            lock (_lock)
            {
                _points.AddRange(result.Points);
                _rejected.AddRange(result.Errors.Select(e => e.ToString()));
            }
        }
    }

    // As bufio.Scanner does: a line that is too long ends its reading for good.
    private async Task ReadErrorsAsync(Stream error)
    {
        var pending = new List<byte>();
        var buffer = new byte[4096];
        while (await ReadAsync(error, buffer) is var read and > 0)
        {
            pending.AddRange(buffer.AsSpan(0, read));
            for (var end = pending.IndexOf((byte)'\n'); end >= 0; end = pending.IndexOf((byte)'\n'))
            {
                Keep(Encoding.UTF8.GetString([.. pending[..end]]));
                pending.RemoveRange(0, end + 1);
            }

            if (pending.Count >= LongestErrorLine)
            {
                Keep("a line of standard error is too long");
                return;
            }
        }

        if (pending.Count > 0)
        {
            Keep(Encoding.UTF8.GetString([.. pending]));
        }
    }

    private static async Task<int> ReadAsync(Stream stream, byte[] buffer)
    {
        try
        {
            return await stream.ReadAsync(buffer);
        }
        catch (Exception e) when (e is ObjectDisposedException or IOException)
        {
            return 0;
        }
    }

    private void Keep(string line)
    {
        lock (_lock)
        {
            _errorLines.Add(line);
        }
    }

    private IReadOnlyList<T> Copy<T>(List<T> items)
    {
        lock (_lock)
        {
            return [.. items];
        }
    }
}
