using System.Diagnostics;
using FleetVibe.Chaos.Fleet;
using FleetVibe.Chaos.Reporting;

namespace FleetVibe.Chaos.Tests.Campaigns;

/// <summary>What a campaign came to.</summary>
/// <param name="Report">Null where the campaign could not be held.</param>
internal sealed record CampaignOutcome(int ExitCode, CampaignReport? Report, string Output);

/// <summary>Runs campaigns and builds as a user does.</summary>
internal static class CampaignProcess
{
    private static readonly string Release = Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(Binary.Built().AssemblyPath)))!;

    private static readonly string Root = Binary.Built().AssemblyPath.Split($"{Path.DirectorySeparatorChar}src{Path.DirectorySeparatorChar}")[0];

    /// <param name="binary">The fleetvibe.dll to run; null for the one of this build.</param>
    public static async Task<CampaignOutcome> RunAsync(string? binary, params IEnumerable<string> arguments)
    {
        var report = Path.GetTempFileName();
        try
        {
            var chaos = Path.Combine(Root, "tests", "FleetVibe.Chaos", "bin", Release, "net10.0", "FleetVibe.Chaos.dll");
            var (exitCode, output) = await RunAsync([chaos, "--report", report, .. binary is null ? [] : new[] { "--binary", binary }, .. arguments]);
            return new CampaignOutcome(exitCode, new FileInfo(report).Length == 0 ? null : CampaignReport.Read(report), output);
        }
        finally
        {
            File.Delete(report);
        }
    }

    /// <summary>Builds the binary with a promise broken on purpose.</summary>
    /// <returns>Its fleetvibe.dll.</returns>
    public static async Task<string> BuildAsync(string broken)
    {
        var (exitCode, output) = await RunAsync(
            ["build", Path.Combine(Root, "src", "FleetVibe"), "-c", Release, "-p:Break=" + broken, "-m:1", "-nodeReuse:false", "-v:quiet", "-nologo"]);
        return exitCode == 0
            ? Path.Combine(Root, "bin", "broken", broken, "FleetVibe", "bin", Release, "net10.0", "fleetvibe.dll")
            : throw new InvalidOperationException($"the build with Break={broken} failed:\n{output}");
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };

        // A build under test must not answer from the test runner's own build server or settings.
        start.Environment.Remove("MSBUILD_EXE_PATH");
        start.Environment.Remove("MSBuildSDKsPath");
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }
}
