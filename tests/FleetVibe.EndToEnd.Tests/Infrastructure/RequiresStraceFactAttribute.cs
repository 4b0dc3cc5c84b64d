using System.Diagnostics;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>Needs strace, which tests/run.sh installs, and the permission to trace.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresStraceFactAttribute : FactAttribute
{
    public RequiresStraceFactAttribute() => Skip = WhyNot;

    private static string? WhyNot { get; } = FindOut();

    private static string? FindOut()
    {
        if (!File.Exists(SystemCallTrace.Strace))
        {
            return "strace is not installed (Debian: apt-get install strace)";
        }

        using var process = Process.Start(new ProcessStartInfo(SystemCallTrace.Strace, ["-D", "-o", "/dev/null", "true"]) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0 ? null : "this system does not allow ptrace";
    }
}
