using System.Globalization;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.Nvml;

namespace FleetVibe.Agent.Sources.Probing;

/// <summary>Whether the driver's library is there and which GPUs it reads; where it is not, what nvidia-smi says.</summary>
internal static class NvmlProbe
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    public static async Task<SourceProbeResult> ProbeAsync(NvmlSourceSettings settings, TimeProvider time, NvmlLoader load, CancellationToken cancellation)
    {
        // It ends with the process where a call hangs.
        using var thread = new NvmlThread { Call = $"the loading of {settings.Library}" };
        var looked = new TaskCompletionSource<Look>(TaskCreationOptions.RunContinuationsAsynchronously);
        thread.TryRun(
            () => LookAt(settings, time.GetUtcNow(), load, call => thread.Call = call),
            (look, fault) => _ = fault is null ? looked.TrySetResult(look!) : looked.TrySetException(fault));
        Look found;
        try
        {
            found = await looked.Task.WaitAsync(Limit, time, cancellation);
        }
        catch (TimeoutException)
        {
            return SourceProbeResult.Failed(ErrorClass.Timeout, $"{settings.Library}: {thread.Call} gave no answer within {Limit.TotalSeconds:0} s: the driver hangs; see dmesg for Xid lines");
        }

        if (found.Problem is { } problem)
        {
            var instead = await NvidiaSmiProbe.ProbeAsync(settings, time, cancellation);
            return instead with { Text = $"{problem}, so {settings.Command} is run instead; {instead.Text}" };
        }

        return Judge(settings, found);
    }

    private static Look LookAt(NvmlSourceSettings settings, DateTimeOffset at, NvmlLoader load, Action<string> calling)
    {
        if (load(settings.Library, out var problem) is not { } nvml)
        {
            return new Look("", new NvmlReading(), problem);
        }

        var reader = new NvmlReader(nvml, calling);
        var reading = reader.Read(at, TimeSpan.Zero, scan: true);
        var driver = reader.Driver;
        reader.Close();
        return new Look(driver, reading, null);
    }

    private static SourceProbeResult Judge(NvmlSourceSettings settings, Look found)
    {
        var reading = found.Reading;
        if (reading.Failure is { } failure)
        {
            return SourceProbeResult.Failed(ErrorClass.ToolFailed, $"{settings.Library}: {failure}");
        }

        IReadOnlyList<string> gpus = [.. reading.Samples.Select(gpu => string.Create(CultureInfo.InvariantCulture, $"GPU {gpu.Index}: {gpu.Name} ({gpu.Gpu})"))];
        var scan = reading.Scan!;
        List<string> warnings = [.. NvidiaSmiProbe.KernelLogWarnings(settings), .. reading.Events.Select(happened => happened.Text)];
        var own = new OwnProcesses(settings.OwnProcesses);
        var table = new ProcessTable();
        if (own.IsGuess && scan.Processes.Count > 0 && own.Among(scan.Processes, table.SeesHost ? table.Find : _ => null).Count == 0)
        {
            warnings.Add($"none of the {scan.Processes.Count} process(es) on the GPUs looks like an engine, so foreign ones cannot be told apart: name yours in own_processes");
        }

        var missing = reading.Samples.SelectMany(gpu => Missing(gpu).Select(field => (field, gpu.Index))).ToLookup(entry => entry.field, entry => entry.Index);
        return new SourceProbeResult(
            true,
            null,
            $"{settings.Library}, driver {found.Driver}: {gpus.Count} GPU(s){(scan.Instances.Count > 0 ? $" with {scan.Instances.Count} MIG instance(s)" : "")}: {string.Join("; ", gpus)}"
            + (missing.Count > 0 ? $"; not supported: {string.Join(", ", missing.Select(field => $"{field.Key} (GPU {string.Join(", ", field)})"))}" : ""))
        {
            Found = [.. gpus, .. scan.Instances.Select(instance => $"{instance.Name} ({instance.Gpu})")],
            Warnings = warnings,
        };
    }

    // Of a first reading: the power of a counter comes with the second, that of the sensor at once.
    private static IEnumerable<string> Missing(GpuSample gpu) =>
        new (string Name, bool Is)[]
        {
            ("gpu_util_percent", gpu.GpuUtilPercent is not null), ("memory_used_bytes", gpu.MemoryUsedBytes is not null), ("temperature_c", gpu.TemperatureC is not null),
            ("power_w", gpu.PowerW is not null), ("throttled", gpu.Throttled is not null), ("ecc_uncorrected", gpu.EccUncorrected is not null), ("remapped_rows", gpu.RemappedRows is not null),
        }.Where(field => !field.Is).Select(field => field.Name);

    private sealed record Look(string Driver, NvmlReading Reading, string? Problem);
}
