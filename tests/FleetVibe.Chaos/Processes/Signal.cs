using System.Runtime.InteropServices;

namespace FleetVibe.Chaos.Processes;

/// <summary>Signals of Linux, by their numbers.</summary>
internal enum Signal
{
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Stop = 19,
}

internal static class Signals
{
    /// <summary>A process that is gone already takes no harm.</summary>
    public static void Send(int pid, Signal signal) => _ = kill(pid, (int)signal);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int kill(int pid, int signal);
}
