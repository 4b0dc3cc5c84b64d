using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Sources.Exec;

internal enum CommandEnding
{
    Exited,
    NotStarted,
    TimedOut,
    TooLarge,
}

/// <summary>How a run of a command ended.</summary>
/// <param name="Output">What it printed; whole only where it exited.</param>
/// <param name="Errors">The last lines of its standard error as one line, or why it could not be started.</param>
internal sealed record CommandEnd(CommandEnding Ending, int ExitCode, ReadOnlyMemory<byte> Output, string Errors);

/// <summary>
/// Runs a command once: no shell, nothing on standard input, an environment of its own, and the leader of its own process
/// group, so that a kill reaches its children. .NET cannot make a group leader, so <c>setsid</c> of util-linux does.
/// </summary>
internal static class CommandRun
{
    private const string SearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    private const string GroupStarter = "setsid";
    private const int MaxErrorBytes = 64 * 1024;
    private const int MaxErrorText = 300;
    private const int KillSignal = 9;

    /// <exception cref="OperationCanceledException">The caller gave up; the command was killed.</exception>
    internal static async Task<CommandEnd> RunAsync(
        IReadOnlyList<string> argv, IEnumerable<KeyValuePair<string, string>> environment, TimeSpan timeout, int maxOutputBytes, TimeProvider time, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (Find(argv[0]) is not { } program)
        {
            return new CommandEnd(CommandEnding.NotStarted, 0, default, $"there is no such program{(argv[0].Contains('/', StringComparison.Ordinal) ? "" : $" in {SearchPath}")}, or it may not be run");
        }

        Process process;
        try
        {
            process = Start(program, argv.Skip(1), environment);
        }
        catch (Win32Exception e)
        {
            return new CommandEnd(CommandEnding.NotStarted, 0, default, $"{e.Message} ({GroupStarter} of util-linux is needed)");
        }

        using (process)
        using (var limit = new CancellationTokenSource(timeout, time))
        using (var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation))
        {
            var errors = ReadErrorsAsync(process.StandardError.BaseStream);
            try
            {
                var output = await BoundedBody.ReadAsync(process.StandardOutput.BaseStream, maxOutputBytes, either.Token).WaitAsync(either.Token);
                if (output is null)
                {
                    return new CommandEnd(CommandEnding.TooLarge, 0, default, "");
                }

                await process.WaitForExitAsync(either.Token);
                return new CommandEnd(CommandEnding.Exited, process.ExitCode, output.Value, await errors.WaitAsync(either.Token));
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                return new CommandEnd(CommandEnding.TimedOut, 0, default, "");
            }
            finally
            {
                // Also what it left running behind it.
                _ = kill(-process.Id, KillSignal);
            }
        }
    }

    private static Process Start(string program, IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string>> environment)
    {
        var start = new ProcessStartInfo(GroupStarter, [program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
            WorkingDirectory = "/",
        };
        var home = Environment.GetEnvironmentVariable("HOME");
        start.Environment.Clear();
        start.Environment["PATH"] = SearchPath;
        start.Environment["HOME"] = home ?? "/";
        start.Environment["LC_ALL"] = "C.UTF-8";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    private static string? Find(string program)
    {
        string[] candidates = program.Contains('/', StringComparison.Ordinal)
            ? [program]
            : [.. SearchPath.Split(':').Select(folder => Path.Combine(folder, program))];
        return candidates.FirstOrDefault(file => File.Exists(file) && !OperatingSystem.IsWindows()
            && (File.GetUnixFileMode(file) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0);
    }

    // All is read, so that the command does not stand still; the end is kept, where a command says why it failed.
    private static async Task<string> ReadErrorsAsync(Stream errors)
    {
        var kept = new byte[MaxErrorBytes];
        var length = 0;
        var chunk = new byte[4096];
        try
        {
            while (await errors.ReadAsync(chunk) is > 0 and var read)
            {
                var tooMuch = Math.Max(0, length + read - kept.Length);
                kept.AsSpan(tooMuch, length - tooMuch).CopyTo(kept);
                chunk.AsSpan(0, read).CopyTo(kept.AsSpan(length - tooMuch));
                length += read - tooMuch;
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The command was given up.
        }

        var text = Encoding.UTF8.GetString(kept, 0, length).Trim().ReplaceLineEndings(" | ");
        return text.Length <= MaxErrorText ? text : "..." + text[^MaxErrorText..];
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int kill(int process, int signal);
}
