using System.Diagnostics;

namespace FleetVibe.Chaos.Processes;

/// <summary>Programs of the system.</summary>
internal static class Tools
{
    /// <summary>Whether it did what it was told; a program that is not there did not.</summary>
    public static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
            await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // There is no such program.
            return false;
        }
    }
}
