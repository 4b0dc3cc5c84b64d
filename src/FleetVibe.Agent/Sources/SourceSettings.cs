using System.Collections.ObjectModel;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.Kernel;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Agent.Sources;

/// <summary>What every source has.</summary>
public abstract record SourceSettings
{
    /// <summary>As in the configuration: <c>json_log</c>, <c>vllm</c> ...</summary>
    public abstract string Kind { get; }

    /// <summary>The <c>target</c> tag where given; else host:port, else the file's name.</summary>
    public string? Name { get; init; }

    public string? Model { get; init; }

    public string? Task { get; init; }

    public string? Variant { get; init; }

    /// <summary>Overrides the ranking of who counts requests; null leaves it to the ranking.</summary>
    public bool? Counts { get; init; }

    /// <summary>Indices or UUIDs of the GPUs that serve this model; empty means all.</summary>
    public IReadOnlyList<string> Gpus { get; init; } = [];

    /// <summary>Rank in counting: of one node and series only the sources of the highest rank present count requests.</summary>
    public abstract SourceRank Rank { get; }

    /// <summary>Whether it tells how many requests there were, so that none is zero and not unknown.</summary>
    public virtual bool HasRequests => Rank is not (SourceRank.None or SourceRank.Summary);

    /// <summary>Whether what was reported and then lost in a crash is found again at the source; where it is not, it is stored within a second.</summary>
    public virtual bool CanReadAgain => true;

    /// <summary>The <c>target</c> tag.</summary>
    public abstract string Target { get; }

    /// <summary>Key of this source in the spool; unique on a node.</summary>
    public string Key => $"{Kind}:{Target}";
}

/// <summary>Who counts requests, highest first: logs and proxies, the pages of gateways, engine metrics, a JSON summary; GPU tools never do.</summary>
public enum SourceRank
{
    None = 0,
    Summary = 1,
    Engine = 2,
    Gateway = 3,
    Requests = 4,
}

/// <summary>A source that is looked at once an interval.</summary>
public abstract record PolledSourceSettings : SourceSettings
{
    /// <summary>Time between collections; null means the agent's.</summary>
    public TimeSpan? Interval { get; init; }

    /// <summary>After it a collection has failed.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(3);
}

/// <summary>A source that is polled over HTTP.</summary>
public abstract record HttpSourceSettings : PolledSourceSettings
{
    public required Uri Endpoint { get; init; }

    public BearerToken? Token { get; init; }

    /// <summary>PEM file of the authorities to trust; null means the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>Allows a bearer token over plain http off loopback.</summary>
    public bool Insecure { get; init; }

    /// <summary>Further request headers; their values are secrets.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    public override string Target => Name ?? $"{Endpoint.Host}:{Endpoint.Port}";
}

/// <summary>The Prometheus page of an engine, or of a service or gateway in its place.</summary>
public record EngineSourceSettings : HttpSourceSettings
{
    /// <summary>The kind that looks at the page and finds out whose it is.</summary>
    public const string Auto = "auto";

    /// <summary>The kind whose families the user names.</summary>
    public const string Generic = "prometheus";

    /// <summary>One of <see cref="Engines.EngineKinds.All"/>, <see cref="Auto"/> or <see cref="Generic"/>.</summary>
    public string Engine { get; init; } = Auto;

    /// <summary>Of <see cref="Generic"/>: the family of each figure, as <see cref="Engines.FamilyMap"/> reads it.</summary>
    public IReadOnlyDictionary<string, string> Families { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Of <see cref="Generic"/>: the label that names the model; null means that none does.</summary>
    public string? ModelLabel { get; init; }

    /// <summary>Of <see cref="Generic"/>: labels whose rows repeat each other, so that one is taken.</summary>
    public IReadOnlyList<string> OnceLabels { get; init; } = [];

    public override string Kind => Engine;

    public override SourceRank Rank => Engines.EngineKinds.RankOf(Engine);

    public override bool HasRequests => Engines.EngineKinds.HasRequests(this);
}

/// <summary>vLLM's Prometheus page.</summary>
public sealed record VllmSourceSettings : EngineSourceSettings
{
    internal const string EngineName = "vllm";

    public VllmSourceSettings() => Engine = EngineName;
}

/// <summary>The JSON summary of a VibeThinker FastAPI script.</summary>
public sealed record VibeThinkerSourceSettings : HttpSourceSettings
{
    public override string Kind => "vibethinker";

    public override SourceRank Rank => SourceRank.Summary;

    /// <summary>Where each figure stands, as a dotted path; a name that is missing here stands under its own name.</summary>
    public IReadOnlyDictionary<string, string> Map { get; init; } = new Dictionary<string, string>();
}

/// <summary>NVIDIA's DCGM exporter.</summary>
public sealed record DcgmSourceSettings : HttpSourceSettings, IGpuSource
{
    public override string Kind => "dcgm";

    public override SourceRank Rank => SourceRank.None;
}

/// <summary>A source that reads GPUs.</summary>
public interface IGpuSource;

/// <summary>A source that runs a tool of the GPUs' vendor.</summary>
public abstract record GpuSourceSettings : SourceSettings, IGpuSource
{
    public override SourceRank Rank => SourceRank.None;

    /// <summary>The tool: a name to be found in PATH, or a path.</summary>
    public string Command { get; init; } = "";

    /// <summary>Time between two samples.</summary>
    public TimeSpan SampleInterval { get; init; } = TimeSpan.FromSeconds(1);

    public override string Target => Name ?? Kind;
}

/// <summary>NVIDIA's GPUs.</summary>
public abstract record NvidiaSourceSettings : GpuSourceSettings
{
    protected NvidiaSourceSettings() => Command = "nvidia-smi";

    /// <summary>Which processes are the engine's: parts of commands, <c>cgroup:TEXT</c>, <c>pid:N</c>; empty means the known engines.</summary>
    public IReadOnlyList<string> OwnProcesses { get; init; } = [];

    /// <summary>Where XIDs and kills for want of memory are read; empty means nowhere.</summary>
    public string KernelLog { get; init; } = KernelSourceSettings.DefaultKernelLog;

    /// <summary>Whether such kills are told by this source: of several that read the kernel's log one does.</summary>
    public bool TellsOomKills { get; init; } = true;
}

/// <summary>nvidia-smi as one long-running CSV query.</summary>
public sealed record NvidiaSmiSourceSettings : NvidiaSourceSettings
{
    public override string Kind => "nvidia_smi";
}

/// <summary>NVIDIA's management library, in this process; where the machine has none, nvidia-smi.</summary>
public sealed record NvmlSourceSettings : NvidiaSourceSettings
{
    /// <summary>Of the driver: not the name without a number, which only developers have.</summary>
    public const string DefaultLibrary = "libnvidia-ml.so.1";

    public override string Kind => "nvml";

    public string Library { get; init; } = DefaultLibrary;
}

/// <summary>A tool of another vendor than NVIDIA.</summary>
public sealed record GpuToolSourceSettings : GpuSourceSettings
{
    public GpuToolSourceSettings(string tool)
    {
        Tool = tool;
        Command = GpuTools.CommandOf(tool);
        SampleInterval = GpuTools.IntervalOf(tool);
    }

    /// <summary>One of <see cref="GpuTools.Kinds"/>.</summary>
    public string Tool { get; }

    public override string Kind => Tool;
}
