namespace FleetVibe.Agent.Sources.Kernel;

/// <summary>The kernel's log, for what it says about processes.</summary>
public sealed record KernelSourceSettings : SourceSettings
{
    public const string KindName = "kernel";

    /// <summary>The kernel's own.</summary>
    public const string DefaultKernelLog = "/dev/kmsg";

    public override string Kind => KindName;

    public override SourceRank Rank => SourceRank.None;

    public override string Target => Name ?? Kind;

    public string KernelLog { get; init; } = DefaultKernelLog;
}
