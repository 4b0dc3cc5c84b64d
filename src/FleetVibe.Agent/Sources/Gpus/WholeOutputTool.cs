using System.Text;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>A tool that prints one JSON text and ends.</summary>
internal abstract class WholeOutputTool(string command) : IGpuTool
{
    private const int MaxCharacters = 16 << 20;

    private readonly StringBuilder _output = new();

    public abstract string Cure { get; }

    public bool EndsByItself => true;

    public abstract IReadOnlyList<string> Arguments { get; }

    public IReadOnlyList<string>? ScanArguments => null;

    public void Begin() => _output.Clear();

    public ToolLine Read(string line, DateTimeOffset at)
    {
        // Warnings may come before the JSON, and a tool's failure instead of it.
        var isPart = _output.Length > 0 || (line.TrimStart() is ['{' or '[', ..] && !line.TrimStart().StartsWith("[WARN", StringComparison.Ordinal));
        if (!isPart || _output.Length > MaxCharacters)
        {
            return new ToolLine(ToolLineKind.Unknown);
        }

        _output.Append(line).Append('\n');
        return new ToolLine(ToolLineKind.Part);
    }

    public IReadOnlyList<GpuSample> End(DateTimeOffset at)
    {
        var read = Parse(_output.ToString(), at);
        _output.Clear();
        return read;
    }

    public void Forget()
    {
    }

    public string Describe(int exitCode, string lastText) => ToolText.Ended(command, exitCode, lastText, Cure);

    public ToolScan? ReadScan(IReadOnlyList<string> lines, DateTimeOffset at) => null;

    /// <summary>Empty where the text holds no GPU.</summary>
    protected abstract IReadOnlyList<GpuSample> Parse(string text, DateTimeOffset at);
}
