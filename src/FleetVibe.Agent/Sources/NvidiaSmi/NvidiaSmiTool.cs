using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.NvidiaSmi;

/// <summary>nvidia-smi: one CSV query in a loop, and beside it who holds memory, where there is MIG out of its XML.</summary>
internal sealed class NvidiaSmiTool(NvidiaSourceSettings settings) : IGpuTool
{
    private readonly SortedSet<string> boards = new(StringComparer.Ordinal);
    private GpuQuery query = GpuQuery.Full;
    private GpuQuery? smaller;
    private GpuCsv? csv;
    private bool hasMig;

    public string Cure => "install the NVIDIA driver or set `command`";

    public bool EndsByItself => false;

    public IReadOnlyList<string> Arguments => query.Arguments(settings.SampleInterval);

    public IReadOnlyList<string>? ScanArguments => hasMig ? ["-q", "-x"] : ComputeApps.Arguments;

    public void Begin()
    {
        csv = null;
        query = smaller ?? query;
        smaller = null;
        boards.Clear();
        hasMig = false;
    }

    public ToolLine Read(string line, DateTimeOffset at)
    {
        if (csv is null && GpuCsv.FromHeader(line) is { } header)
        {
            csv = header;
            return new ToolLine(ToolLineKind.Part);
        }

        if (csv?.Read(line, at) is { } sample)
        {
            boards.Add(sample.Gpu);
            hasMig |= csv.IsMig(line);
            return ToolLine.Of(sample);
        }

        if (query.WithoutRefused(line) is { } less)
        {
            smaller = less;
            return new ToolLine(ToolLineKind.Refused);
        }

        return new ToolLine(csv is null ? ToolLineKind.Unknown : ToolLineKind.Skipped);
    }

    public IReadOnlyList<GpuSample> End(DateTimeOffset at) => [];

    public void Forget() => query = GpuQuery.Full;

    public string Describe(int exitCode, string lastText) => NvidiaSmiFailure.Describe(settings.Command, exitCode, lastText);

    public ToolScan? ReadScan(IReadOnlyList<string> lines, DateTimeOffset at)
    {
        if (!hasMig)
        {
            return ComputeApps.Read(lines) is { } processes ? new ToolScan(boards, processes, []) : null;
        }

        return GpuXml.Read(string.Join('\n', lines), at) is { } read
            ? new ToolScan([.. read.Boards, .. read.Instances.Select(gpu => gpu.Gpu)], read.Processes, read.Instances)
            : null;
    }
}
