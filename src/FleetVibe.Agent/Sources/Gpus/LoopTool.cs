namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>A tool that prints samples until it is killed, and has nothing else to tell.</summary>
internal abstract class LoopTool(string command) : IGpuTool
{
    public abstract string Cure { get; }

    public bool EndsByItself => false;

    public abstract IReadOnlyList<string> Arguments { get; }

    public IReadOnlyList<string>? ScanArguments => null;

    public abstract void Begin();

    public abstract ToolLine Read(string line, DateTimeOffset at);

    public IReadOnlyList<GpuSample> End(DateTimeOffset at) => [];

    public void Forget()
    {
    }

    public string Describe(int exitCode, string lastText) => ToolText.Ended(command, exitCode, lastText, Cure);

    public ToolScan? ReadScan(IReadOnlyList<string> lines, DateTimeOffset at) => null;
}
