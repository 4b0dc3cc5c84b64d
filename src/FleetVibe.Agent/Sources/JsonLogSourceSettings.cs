using FleetVibe.Agent.Sources.JsonLog.Formats;

namespace FleetVibe.Agent.Sources;

/// <summary>A log with a finished request a line, or with an engine's statistics; see <see cref="LogFormats"/>.</summary>
public sealed record JsonLogSourceSettings : SourceSettings
{
    public override string Kind => "json_log";

    public override SourceRank Rank => LogFormats.Of(Format).BringsRequests ? SourceRank.Requests : SourceRank.None;

    /// <summary>One log, or with <c>*</c> and <c>?</c> every log that matches, now and later.</summary>
    public required string Path { get; init; }

    /// <summary>How a line is written: a name of <see cref="LogFormats.All"/>.</summary>
    public string Format { get; init; } = LogFormats.Json;

    /// <summary>What a container runtime writes around each line.</summary>
    public LogEnvelope Envelope { get; init; }

    /// <summary>Where a file that was never seen before is begun; what was rotated away before is not read.</summary>
    public StartAt StartAt { get; init; } = StartAt.End;

    /// <summary>Where they differ from those of the format.</summary>
    public LogFields Fields { get; init; } = new();

    /// <summary>Patterns of paths, with <c>*</c>; requests to others do not count. Null takes all.</summary>
    public IReadOnlyList<string>? OnlyPaths { get; init; }

    /// <summary>Variants that the log's lines may name at a time; further ones go into <c>other</c>, counted.</summary>
    public int VariantLimit { get; init; } = 16;

    /// <summary>Zone of timestamps that name none.</summary>
    public TimeZoneInfo TimeZone { get; init; } = TimeZoneInfo.Utc;

    /// <summary>Whether the log's clock is another than this node's: then times are never corrected.</summary>
    public bool ExternalClock { get; init; }

    /// <summary>The words that mean success where <see cref="SuccessStatus"/> is not set.</summary>
    public static IReadOnlyList<string> DefaultSuccessStatus => [.. JsonLog.LogStatus.SuccessWords, .. JsonLog.LogStatus.LimitWords];

    /// <summary>Overrides what counts as success; compared without case.</summary>
    public IReadOnlyList<string>? SuccessStatus { get; init; }

    public TimeSpan Poll { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Longest line in bytes; a longer one is skipped and counted.</summary>
    public int MaxLineBytes { get; init; } = 1 << 20;

    /// <summary>How long a renamed file is kept open for a writer that has not reopened.</summary>
    public TimeSpan RotateWait { get; init; } = TimeSpan.FromSeconds(60);

    public override string Target => Name ?? System.IO.Path.GetFileName(Path);

    /// <summary>Names of the fields in force.</summary>
    internal LogFields AllFields => Fields.Over(LogFormats.Of(Format).Fields);
}

/// <summary>Where a log that was never seen before is begun.</summary>
public enum StartAt
{
    End,
    Beginning,
}

/// <summary>What a container runtime writes around each line of a log.</summary>
public enum LogEnvelope
{
    /// <summary>Whatever each line shows; a line that shows neither stands for itself.</summary>
    Auto,

    None,

    /// <summary>Docker's json-file driver: <c>{"log":"text\n","stream":"stdout","time":"..."}</c>.</summary>
    Docker,

    /// <summary>containerd's and CRI-O's: <c>time stdout F text</c>.</summary>
    Cri,
}

/// <summary>
/// Names of a log line's fields; null leaves one to the format. A dot steps into an object, and <c>or</c> stands between
/// alternatives, the best first.
/// </summary>
public sealed record LogFields
{
    /// <summary>When the request ended.</summary>
    public string? Timestamp { get; init; }

    /// <summary>When it began: gives the duration, or with one the end, where the log has no such field.</summary>
    public string? Start { get; init; }

    public string? Duration { get; init; }

    /// <summary>Unit of a duration that names none: ms, s, us or ns.</summary>
    public string? DurationUnit { get; init; }

    /// <summary>Time to first token in milliseconds.</summary>
    public string? Ttft { get; init; }

    /// <summary>When the first token came: with the start it gives the time to first token.</summary>
    public string? FirstToken { get; init; }

    public string? Status { get; init; }

    public string? InputTokens { get; init; }

    public string? OutputTokens { get; init; }

    public string? Model { get; init; }

    public string? Task { get; init; }

    public string? Variant { get; init; }

    /// <summary>The HTTP method, or a whole request line: only POSTs count then.</summary>
    public string? Method { get; init; }

    /// <summary>The request's path, or a whole request line.</summary>
    public string? Path { get; init; }

    internal LogFields Over(LogFields format) => new()
    {
        Timestamp = Timestamp ?? format.Timestamp,
        Start = Start ?? format.Start,
        Duration = Duration ?? format.Duration,
        DurationUnit = DurationUnit ?? format.DurationUnit,
        Ttft = Ttft ?? format.Ttft,
        FirstToken = FirstToken ?? format.FirstToken,
        Status = Status ?? format.Status,
        InputTokens = InputTokens ?? format.InputTokens,
        OutputTokens = OutputTokens ?? format.OutputTokens,
        Model = Model ?? format.Model,
        Task = Task ?? format.Task,
        Variant = Variant ?? format.Variant,
        Method = Method ?? format.Method,
        Path = Path ?? format.Path,
    };
}
