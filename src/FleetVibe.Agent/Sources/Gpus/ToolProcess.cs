using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>
/// A real process, leader of its own process group: a stuck child keeps the output open, so the whole group must be killed.
/// .NET cannot make a group leader, so <c>setsid</c> of util-linux does; where there is none, the tree is killed as far as
/// it is known.
/// </summary>
internal sealed class ToolProcess(TimeProvider time) : IToolProcess
{
    private const string GroupStarter = "setsid";
    private const int Kill = 9;

    /// <summary>For a child that escaped the kill and holds the output open.</summary>
    private static readonly TimeSpan OutputGrace = TimeSpan.FromSeconds(2);

    public async Task<int> RunAsync(string command, IReadOnlyList<string> arguments, Action<string> onLine, CancellationToken kill)
    {
        kill.ThrowIfCancellationRequested();
        var (process, isLeader) = Start(command, arguments);
        using (process)
        using (kill.Register(() => KillAll(process, isLeader)))
        {
            var gate = new Lock();
            var output = Task.WhenAll(
                ReadLinesAsync(process.StandardOutput, onLine, gate),
                ReadLinesAsync(process.StandardError, onLine, gate));
            await process.WaitForExitAsync(CancellationToken.None);
            await Task.WhenAny(output, Task.Delay(OutputGrace, time, CancellationToken.None));

            // The leader may be gone while a child of it still runs.
            KillAll(process, isLeader);
            return process.ExitCode;
        }
    }

    private static (Process Process, bool IsLeader) Start(string command, IReadOnlyList<string> arguments)
    {
        try
        {
            return (Start(GroupStarter, [command, .. arguments], command), true);
        }
        catch (Win32Exception)
        {
            return (Start(command, arguments, command), false);
        }
    }

    private static Process Start(string file, IReadOnlyList<string> arguments, string command)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        start.Environment["LC_ALL"] = "C";
        var process = Process.Start(start) ?? throw new Win32Exception($"{command} cannot be started");
        process.StandardInput.Close();
        return process;
    }

    private static async Task ReadLinesAsync(StreamReader reader, Action<string> onLine, Lock gate)
    {
        try
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                lock (gate)
                {
                    onLine(line);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The process was given up while a child of it held the pipe.
        }
    }

    private static void KillAll(Process process, bool isLeader)
    {
        try
        {
            if (isLeader && process.Id > 1)
            {
                _ = kill(-process.Id, Kill);
            }
            else if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It is gone already.
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int kill(int process, int signal);
}
