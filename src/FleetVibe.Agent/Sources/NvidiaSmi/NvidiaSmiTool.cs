using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.NvidiaSmi;

/// <summary>nvidia-smi: one CSV query in a loop, and beside it who holds memory, where there is MIG out of its XML.</summary>
internal sealed class NvidiaSmiTool(NvidiaSourceSettings settings) : IGpuTool
{
    private readonly SortedSet<string> _boards = new(StringComparer.Ordinal);
    private GpuQuery _query = GpuQuery.Full;
    private GpuQuery? _smaller;
    private GpuCsv? _csv;
    private bool _hasMig;

    public string Cure => "install the NVIDIA driver or set `command`";

    public bool EndsByItself => false;

    public IReadOnlyList<string> Arguments => _query.Arguments(settings.SampleInterval);

    public IReadOnlyList<string>? ScanArguments => _hasMig ? ["-q", "-x"] : ComputeApps.Arguments;

    public void Begin()
    {
        _csv = null;
        _query = _smaller ?? _query;
        _smaller = null;
        _boards.Clear();
        _hasMig = false;
    }

    public ToolLine Read(string line, DateTimeOffset at)
    {
        if (_csv is null && GpuCsv.FromHeader(line) is { } header)
        {
            _csv = header;
            return new ToolLine(ToolLineKind.Part);
        }

        if (_csv?.Read(line, at) is { } sample)
        {
            _boards.Add(sample.Gpu);
            _hasMig |= _csv.IsMig(line);
            return ToolLine.Of(sample);
        }

        if (_query.WithoutRefused(line) is { } less)
        {
            _smaller = less;
            return new ToolLine(ToolLineKind.Refused);
        }

        return new ToolLine(_csv is null ? ToolLineKind.Unknown : ToolLineKind.Skipped);
    }

    public IReadOnlyList<GpuSample> End(DateTimeOffset at) => [];

    public void Forget() => _query = GpuQuery.Full;

    public string Describe(int exitCode, string lastText) => NvidiaSmiFailure.Describe(settings.Command, exitCode, lastText);

    public ToolScan? ReadScan(IReadOnlyList<string> lines, DateTimeOffset at)
    {
        if (!_hasMig)
        {
            return ComputeApps.Read(lines) is { } processes ? new ToolScan(_boards, processes, []) : null;
        }

        return GpuXml.Read(string.Join('\n', lines), at) is { } read
            ? new ToolScan([.. read.Boards, .. read.Instances.Select(gpu => gpu.Gpu)], read.Processes, read.Instances)
            : null;
    }
}
