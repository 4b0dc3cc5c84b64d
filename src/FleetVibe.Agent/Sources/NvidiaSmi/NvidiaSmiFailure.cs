using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.NvidiaSmi;

/// <summary>What an end of nvidia-smi means, and what to do about it. Exit codes as in its manual.</summary>
internal static class NvidiaSmiFailure
{
    /// <param name="exitCode">Of the tool.</param>
    /// <param name="lastText">The last line that was no row; the tool writes its failures to standard output.</param>
    public static string Describe(string command, int exitCode, string lastText)
    {
        var meaning = exitCode switch
        {
            0 => "ended although it was to go on",
            2 => "refused an argument",
            3 => "says that the query is not available on this device",
            4 => "has no permission; give the agent's user access to the NVIDIA devices",
            6 => "found no GPU",
            8 => "says that a GPU's power cables are not attached",
            9 => "found no loaded NVIDIA driver; load or install it",
            10 => "met an interrupt problem of the kernel with a GPU",
            12 => "did not find NVIDIA's management library; install the driver's libraries",
            13 => "met a management library that is older than itself; install tool and driver of one version",
            14 => "says that a GPU's infoROM is corrupt",
            15 => "lost a GPU: it fell off the bus; restart the machine",
            18 => "met a driver of another version than its library; restart the machine or reload the driver",
            126 or 127 => "was not found or cannot be run; install the NVIDIA driver or set `command`",
            > 128 and < 160 => $"was killed by signal {exitCode - 128}",
            _ => "failed",
        };
        var said = ToolText.Clean(lastText);
        return said.Length == 0 ? $"{command} {meaning} (exit code {exitCode})" : $"{command} {meaning} (exit code {exitCode}): {said}";
    }
}
