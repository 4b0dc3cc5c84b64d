using System.Text.Json;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.Amd;

/// <summary>
/// amd-smi's JSON: an array with an object a GPU, since ROCm 7 inside <c>gpu_data</c>. A value is
/// <c>{"value": 37, "unit": "%"}</c> or, where there is none, the text <c>N/A</c>. It names no GPU but by its number.
/// </summary>
internal sealed class AmdSmiTool(string command) : WholeOutputTool(command)
{
    public override string Cure => "install ROCm's amd-smi or set `command`";

    public override IReadOnlyList<string> Arguments { get; } = ["metric", "--json"];

    /// <summary>Empty where the text is no such JSON.</summary>
    internal static IReadOnlyList<GpuSample> ReadJson(string text, DateTimeOffset at)
    {
        using var document = JsonText.Parse(text);
        if (document is null || (JsonText.At(document.RootElement, "gpu_data") ?? document.RootElement) is not { ValueKind: JsonValueKind.Array } gpus)
        {
            return [];
        }

        var samples = new List<GpuSample>();
        foreach (var gpu in gpus.EnumerateArray())
        {
            if (JsonText.At(gpu, "gpu") is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out var index))
            {
                samples.Add(Sample(gpu, index, at));
            }
        }

        return samples;
    }

    protected override IReadOnlyList<GpuSample> Parse(string text, DateTimeOffset at) => ReadJson(text, at);

    private static GpuSample Sample(JsonElement gpu, int index, DateTimeOffset at)
    {
        bool? throttled = JsonText.At(gpu, "power", "throttle_status") is { ValueKind: JsonValueKind.String } status
            ? status.GetString() switch { "THROTTLED" => true, "UNTHROTTLED" => false, _ => null }
            : null;
        return new GpuSample($"AMD-{index}", index, "AMD GPU", at)
        {
            GpuUtilPercent = ToolNumber.Percent(Value(gpu, "usage", "gfx_activity")),
            MemoryUtilPercent = ToolNumber.Percent(Value(gpu, "usage", "umc_activity")),

            // What it calls MB are MiB.
            MemoryUsedBytes = ToolNumber.Bytes(Value(gpu, "mem_usage", "used_vram"), 1 << 20),
            MemoryTotalBytes = ToolNumber.Bytes(Value(gpu, "mem_usage", "total_vram"), 1 << 20),
            TemperatureC = Value(gpu, "temperature", "edge") ?? Value(gpu, "temperature", "hotspot"),
            PowerW = Value(gpu, "power", "socket_power"),
            SmClockMhz = Value(gpu, "clock", "gfx_0", "clk"),
            Throttled = throttled,
            ThrottleReasons = throttled == true ? ["throttle_status"] : [],
            EccUncorrected = ToolNumber.Count(Value(gpu, "ecc", "total_uncorrectable_count")),
            EccCorrected = ToolNumber.Count(Value(gpu, "ecc", "total_correctable_count")),
        };
    }

    private static double? Value(JsonElement gpu, params ReadOnlySpan<string> path)
    {
        if (JsonText.At(gpu, path) is not { } found)
        {
            return null;
        }

        var value = JsonText.At(found, "value") ?? found;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) && number >= 0 ? number : null;
    }
}
