using System.ComponentModel;
using System.Diagnostics;
using FleetVibe.Agent.Sources.Kernel;

namespace FleetVibe.Agent.Sources.Probing;

/// <summary>Whether nvidia-smi runs and lists GPUs.</summary>
internal static class NvidiaSmiProbe
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    public static async Task<SourceProbeResult> ProbeAsync(NvidiaSourceSettings settings, TimeProvider time, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(settings.Command, ["-L"]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Exception e) when (e is Win32Exception or FileNotFoundException or InvalidOperationException)
        {
            return SourceProbeResult.Failed(ErrorClass.ToolFailed, $"{settings.Command} cannot be started: install the NVIDIA driver, or name the tool in command");
        }

        using (process)
        {
            using var limit = new CancellationTokenSource(Limit, time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
            try
            {
                var errors = process.StandardError.ReadToEndAsync(both.Token);
                var output = await process.StandardOutput.ReadToEndAsync(both.Token);
                await errors;
                await process.WaitForExitAsync(both.Token);
                return Judge(settings.Command, process.ExitCode, output) with { Warnings = KernelLogWarnings(settings) };
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                return SourceProbeResult.Failed(
                    ErrorClass.Timeout, $"{settings.Command} -L gave no answer within {Limit.TotalSeconds:0} s: the driver hangs; see dmesg for Xid lines");
            }
            finally
            {
                if (!process.HasExited)
                {
                    process.Kill(entireProcessTree: true);
                }
            }
        }
    }

    /// <summary>What keeps XIDs from being seen.</summary>
    internal static IReadOnlyList<string> KernelLogWarnings(NvidiaSourceSettings settings)
    {
        if (settings.KernelLog.Length == 0)
        {
            return [];
        }

        using var log = new KernelLog(settings.KernelLog);
        return log.Read(null, DateTimeOffset.UnixEpoch).Problem is { } problem ? [problem] : [];
    }

    internal static SourceProbeResult Judge(string command, int exitCode, string output)
    {
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var gpus = lines.Where(l => l.StartsWith("GPU ", StringComparison.Ordinal)).ToList();
        var instances = lines.Where(l => l.StartsWith("MIG ", StringComparison.Ordinal)).ToList();
        return exitCode == 0 && gpus.Count > 0
            ? new SourceProbeResult(true, null, $"{command}: {gpus.Count} GPU(s){(instances.Count > 0 ? $" with {instances.Count} MIG instance(s)" : "")}: {string.Join("; ", gpus)}") { Found = [.. gpus, .. instances] }
            : SourceProbeResult.Failed(
                ErrorClass.ToolFailed, $"{command} -L ends with {exitCode}: {(lines.Length > 0 ? lines[0] : "no GPU is listed; is the driver loaded?")}");
    }
}
