using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Text;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>The built binary, run as a process of its own. Its output is kept, so that a failing test shows it.</summary>
internal sealed class Binary : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly string _name;

    private Binary(string name, Process process)
    {
        _name = name;
        _process = process;
    }

    public int ExitCode => _process.ExitCode;

    public bool HasExited => _process.HasExited;

    public string Output => string.Join('\n', _output);

    /// <summary>The folder of FleetVibe.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The binary as the build of this configuration left it.</summary>
    public static string AssemblyPath { get; } = Path.Combine(
        Root, "src", "FleetVibe", "bin",
        typeof(Binary).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "Configuration").Value!,
        "net10.0", "fleetvibe.dll");

    public static Binary Start(string name, params string[] arguments) => Start(name, new Dictionary<string, string>(), arguments);

    /// <summary>As <see cref="Start(string, string[])"/>, run by another program: a tracer.</summary>
    public static Binary StartUnder(IReadOnlyList<string> runner, string name, params string[] arguments) =>
        Start(runner, name, new Dictionary<string, string>(), arguments);

    public static Binary Start(string name, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        Start([], name, environment, arguments);

    private static Binary Start(IReadOnlyList<string> runner, string name, IReadOnlyDictionary<string, string> environment, string[] arguments)
    {
        string[] command = [.. runner, "dotnet", AssemblyPath];
        var start = new ProcessStartInfo(command[0])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        foreach (var argument in command.Skip(1).Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        // Many processes share two cores: one heap each, no tiered-up background compilers beyond what is needed.
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        foreach (var (variable, value) in environment)
        {
            start.Environment[variable] = value;
        }

        var process = new Process { StartInfo = start };
        var binary = new Binary(name, process);
        process.OutputDataReceived += (_, line) => binary.Keep(line.Data);
        process.ErrorDataReceived += (_, line) => binary.Keep(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return binary;
    }

    /// <summary>Kill -9.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
    }

    /// <summary>A signal by its name without SIG.</summary>
    public async Task SignalAsync(string name)
    {
        using var kill = Process.Start("kill", ["-" + name, _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and the exit code that follows.</summary>
    public async Task<int> StopAsync()
    {
        if (!_process.HasExited)
        {
            await SignalAsync("TERM");
            await WaitForExitAsync(TimeSpan.FromSeconds(60));
        }

        return _process.ExitCode;
    }

    public async Task<int> WaitForExitAsync(TimeSpan limit)
    {
        using var timeout = new CancellationTokenSource(limit);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{_name} did not end within {limit}. It said:\n{Output}");
        }

        return _process.ExitCode;
    }

    /// <summary>Waits until a line of the output holds the text; fails with the output where the process ends or the limit passes.</summary>
    public Task WaitForOutputAsync(string text, TimeSpan limit) =>
        Eventually.Holds(
            () => _output.Any(line => line.Contains(text, StringComparison.Ordinal))
                || (_process.HasExited ? throw new InvalidOperationException($"{_name} ended with {_process.ExitCode} before it said \"{text}\":\n{Output}") : false),
            limit, () => $"{_name} never said \"{text}\":\n{Output}");

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            _output.Enqueue(line);
        }
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "FleetVibe.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("FleetVibe.sln stands in no folder above the tests");
    }
}
