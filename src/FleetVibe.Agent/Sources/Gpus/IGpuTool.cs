namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>What a line of a tool's output is.</summary>
internal enum ToolLineKind
{
    /// <summary>A sample: the tool is alive.</summary>
    Sample,

    /// <summary>Part of what was asked for, and no sample yet.</summary>
    Part,

    /// <summary>The tool does not know all that was asked for: what is asked now is less, and it is to be run again at once.</summary>
    Refused,

    /// <summary>Anything else, such as an error text.</summary>
    Unknown,

    /// <summary>Unknown, in a place where a sample was to stand.</summary>
    Skipped,
}

internal readonly record struct ToolLine(ToolLineKind Kind, GpuSample? Sample = null)
{
    internal static ToolLine Of(GpuSample sample) => new(ToolLineKind.Sample, sample);
}

/// <summary>What a second query of a tool said: who holds memory, and the parts that boards are cut into.</summary>
/// <param name="Gpus">UUIDs of all that were looked at.</param>
internal sealed record ToolScan(IReadOnlyCollection<string> Gpus, IReadOnlyList<GpuProcess> Processes, IReadOnlyList<GpuSample> Instances);

/// <summary>
/// How one tool is asked and its output read. It does no I/O and reads no clock; it remembers what of a run it has seen.
/// </summary>
internal interface IGpuTool
{
    /// <summary>What to install or to set where it cannot be started.</summary>
    string Cure { get; }

    /// <summary>It prints one set of samples and ends; otherwise it goes on until it is killed.</summary>
    bool EndsByItself { get; }

    IReadOnlyList<string> Arguments { get; }

    /// <summary>Arguments of the second query; null where the tool has none.</summary>
    IReadOnlyList<string>? ScanArguments { get; }

    /// <summary>A run begins.</summary>
    void Begin();

    /// <param name="at">When the line was read.</param>
    ToolLine Read(string line, DateTimeOffset at);

    /// <summary>A run is over: what its whole output says.</summary>
    IReadOnlyList<GpuSample> End(DateTimeOffset at);

    /// <summary>The next run may meet another driver, which is asked for everything again.</summary>
    void Forget();

    /// <summary>What the end of a run means, and what to do about it.</summary>
    /// <param name="lastText">The last line that was no sample.</param>
    string Describe(int exitCode, string lastText);

    /// <summary>Null where the output of the second query cannot be read.</summary>
    ToolScan? ReadScan(IReadOnlyList<string> lines, DateTimeOffset at);
}
