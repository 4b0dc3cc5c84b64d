using FleetVibe.Agent.Sources.Amd;
using FleetVibe.Agent.Sources.Intel;
using FleetVibe.Agent.Sources.Jetson;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>The tools of other vendors than NVIDIA, by kind of source.</summary>
public static class GpuTools
{
    public const string RocmSmi = "rocm_smi";
    public const string AmdSmi = "amd_smi";
    public const string XpuSmi = "xpu_smi";
    public const string IntelGpuTop = "intel_gpu_top";
    public const string Tegrastats = "tegrastats";

    // The first two are Python programs that take a good part of a second each time.
    private static readonly Dictionary<string, (string Command, TimeSpan Interval)> Defaults = new(StringComparer.Ordinal)
    {
        [RocmSmi] = ("rocm-smi", TimeSpan.FromSeconds(5)),
        [AmdSmi] = ("amd-smi", TimeSpan.FromSeconds(5)),
        [XpuSmi] = ("xpu-smi", TimeSpan.FromSeconds(1)),
        [IntelGpuTop] = ("intel_gpu_top", TimeSpan.FromSeconds(1)),
        [Tegrastats] = ("tegrastats", TimeSpan.FromSeconds(1)),
    };

    public static IReadOnlyList<string> Kinds { get; } = [RocmSmi, AmdSmi, XpuSmi, IntelGpuTop, Tegrastats];

    public static string CommandOf(string kind) => Defaults[kind].Command;

    public static TimeSpan IntervalOf(string kind) => Defaults[kind].Interval;

    internal static IGpuTool Create(GpuToolSourceSettings settings) => settings.Tool switch
    {
        RocmSmi => new RocmSmiTool(settings.Command),
        AmdSmi => new AmdSmiTool(settings.Command),
        XpuSmi => new XpuSmiTool(settings.Command, settings.SampleInterval),
        IntelGpuTop => new IntelGpuTopTool(settings.Command, settings.SampleInterval),
        Tegrastats => new TegrastatsTool(settings.Command, settings.SampleInterval),
        _ => throw new ArgumentException($"no tool of kind {settings.Tool}", nameof(settings)),
    };
}
