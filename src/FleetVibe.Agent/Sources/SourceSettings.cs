using System.Collections.ObjectModel;
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
public sealed record DcgmSourceSettings : HttpSourceSettings
{
    public override string Kind => "dcgm";

    public override SourceRank Rank => SourceRank.None;
}

/// <summary>nvidia-smi as one long-running CSV query.</summary>
public sealed record NvidiaSmiSourceSettings : SourceSettings
{
    public override string Kind => "nvidia_smi";

    public override SourceRank Rank => SourceRank.None;

    public string Command { get; init; } = "nvidia-smi";

    /// <summary>Time between two samples.</summary>
    public TimeSpan SampleInterval { get; init; } = TimeSpan.FromSeconds(1);

    public override string Target => Name ?? "nvidia_smi";
}

/// <summary>A request log with one JSON object a line.</summary>
public sealed record JsonLogSourceSettings : SourceSettings
{
    public override string Kind => "json_log";

    public override SourceRank Rank => SourceRank.Requests;

    public required string Path { get; init; }

    /// <summary>Where a file that was never seen before is begun.</summary>
    public StartAt StartAt { get; init; } = StartAt.End;

    public LogFields Fields { get; init; } = new();

    /// <summary>Zone of timestamps that name none.</summary>
    public TimeZoneInfo TimeZone { get; init; } = TimeZoneInfo.Utc;

    /// <summary>Whether the log's clock is another than this node's: then times are never corrected.</summary>
    public bool ExternalClock { get; init; }

    /// <summary>Overrides what counts as success; compared without case.</summary>
    public IReadOnlyList<string>? SuccessStatus { get; init; }

    public TimeSpan Poll { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Longest line in bytes; a longer one is skipped and counted.</summary>
    public int MaxLineBytes { get; init; } = 1 << 20;

    /// <summary>How long a renamed file is kept open for a writer that has not reopened.</summary>
    public TimeSpan RotateWait { get; init; } = TimeSpan.FromSeconds(60);

    public override string Target => Name ?? System.IO.Path.GetFileName(Path);
}

/// <summary>Where a log that was never seen before is begun.</summary>
public enum StartAt
{
    End,
    Beginning,
}

/// <summary>Names of a log line's fields; a dot steps into an object.</summary>
public sealed record LogFields
{
    public string Timestamp { get; init; } = "timestamp";

    public string Duration { get; init; } = "duration_ms";

    /// <summary>Unit of the duration: ms, s, us or ns.</summary>
    public string DurationUnit { get; init; } = "ms";

    /// <summary>Time to first token in milliseconds; null means that the log has none.</summary>
    public string? Ttft { get; init; }

    public string Status { get; init; } = "status";

    public string InputTokens { get; init; } = "prompt_tokens";

    public string OutputTokens { get; init; } = "completion_tokens";

    public string Model { get; init; } = "model";

    public string Task { get; init; } = "task";

    public string? Variant { get; init; }
}
