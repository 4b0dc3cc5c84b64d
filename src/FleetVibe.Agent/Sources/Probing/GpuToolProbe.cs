using System.ComponentModel;
using System.Globalization;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.Probing;

/// <summary>Runs a tool until it has shown every GPU once, or has ended.</summary>
internal static class GpuToolProbe
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    public static async Task<SourceProbeResult> ProbeAsync(GpuToolSourceSettings settings, TimeProvider time, IToolProcess process, CancellationToken cancellation)
    {
        var tool = GpuTools.Create(settings);
        var samples = new List<GpuSample>();
        var last = "";
        using var limit = new CancellationTokenSource(Limit, time);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        tool.Begin();
        int exitCode;
        try
        {
            exitCode = await process.RunAsync(settings.Command, tool.Arguments, OnLine, enough.Token);
        }
        catch (Win32Exception)
        {
            return SourceProbeResult.Failed(ErrorClass.ToolFailed, $"{settings.Command} cannot be started: {tool.Cure}");
        }

        cancellation.ThrowIfCancellationRequested();
        samples.AddRange(tool.End(time.GetUtcNow()));
        if (samples.Count > 0)
        {
            IReadOnlyList<string> gpus = [.. samples.Select(gpu => string.Create(CultureInfo.InvariantCulture, $"GPU {gpu.Index}: {gpu.Name} ({gpu.Gpu})"))];
            return new SourceProbeResult(true, null, $"{settings.Command}: {gpus.Count} GPU(s): {string.Join("; ", gpus)}") { Found = gpus };
        }

        return limit.IsCancellationRequested
            ? SourceProbeResult.Failed(ErrorClass.Timeout, $"{settings.Command} showed no GPU within {Limit.TotalSeconds:0} s{(last.Length > 0 ? $": {last}" : "")}")
            : SourceProbeResult.Failed(ErrorClass.ToolFailed, tool.Describe(exitCode, last));

        void OnLine(string line)
        {
            var read = tool.Read(line, time.GetUtcNow());
            if (read.Sample is not { } sample)
            {
                last = read.Kind is ToolLineKind.Unknown or ToolLineKind.Skipped && line.Trim().Length > 0 ? ToolText.Clean(line) : last;
            }
            else if (samples.Exists(other => other.Gpu == sample.Gpu))
            {
                _ = enough.CancelAsync();
            }
            else
            {
                samples.Add(sample);
            }
        }
    }
}
