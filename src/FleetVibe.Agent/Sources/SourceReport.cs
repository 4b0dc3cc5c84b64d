using Akka.Actor;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources;

/// <summary>
/// What one collection of one source brought. The accumulator folds it, and stores <see cref="Checkpoint"/> in the same
/// transaction as what it folded, so that a crash reads again exactly what was not stored.
/// </summary>
/// <param name="SourceKey">Stable key of the source: kind and target.</param>
public sealed record SourceReport(string SourceKey) : INoSerializationVerificationNeeded
{
    /// <summary>Finished requests, one by one (logs).</summary>
    public IReadOnlyList<RequestObservation> Requests { get; init; } = [];

    /// <summary>Changes of counters between two scrapes (engines, summaries).</summary>
    public IReadOnlyList<CounterDelta> Deltas { get; init; } = [];

    public IReadOnlyList<ModelGauges> Gauges { get; init; } = [];

    public IReadOnlyList<GpuSample> Gpus { get; init; } = [];

    /// <summary>What happened once: points for annotations, stored in the transaction of the checkpoint.</summary>
    public IReadOnlyList<SourceEvent> Events { get; init; } = [];

    /// <summary>How the collection went; null where nothing new is to be said (a batch of log lines).</summary>
    public CollectionStatus? Status { get; init; }

    /// <summary>Opaque to the accumulator; null leaves the stored one.</summary>
    public byte[]? Checkpoint { get; init; }

    /// <summary>How the collectors behind a source fare: each is a target of its own.</summary>
    public IReadOnlyList<CollectorStatus> Collectors { get; init; } = [];

    /// <summary>The source waits for <see cref="SourceMessages.ReportStored"/>: the report goes into a transaction within a second.</summary>
    public bool TellWhenStored { get; init; }
}

/// <summary>How one collector behind a source fares.</summary>
/// <param name="Name">Its <c>target</c> tag.</param>
public sealed record CollectorStatus(string Name, CollectionStatus Status);

/// <summary>Something that a source saw happen: a point of <c>vibe_event</c>.</summary>
/// <param name="Kind">The <c>kind</c> tag, snake_case.</param>
/// <param name="Text">One line for a user, without secrets.</param>
/// <param name="At">When it happened, by this node's clock.</param>
public sealed record SourceEvent(string Kind, EventSeverity Severity, string Text, DateTimeOffset At);

/// <summary>How bad an event is; written in lower case.</summary>
public enum EventSeverity
{
    Info,
    Warning,
    Error,
}

/// <summary>How a finished request ended.</summary>
public enum RequestOutcome
{
    Success,
    LengthLimited,
    Error,
}

/// <summary>One finished request.</summary>
/// <param name="CompletedAt">When it ended, as the log says.</param>
/// <param name="DurationSeconds">Null where the log has none: counted, without a latency.</param>
/// <param name="TtftSeconds">Null where the log has none.</param>
/// <param name="ExternalClock">The time is never corrected by this node's clock offset.</param>
public readonly record struct RequestObservation(
    SeriesId Series,
    DateTimeOffset CompletedAt,
    double? DurationSeconds,
    double? TtftSeconds,
    long InputTokens,
    long OutputTokens,
    RequestOutcome Outcome,
    bool ExternalClock);

/// <summary>What the counters of one series gained in (From, To].</summary>
/// <param name="From">Previous scrape.</param>
/// <param name="To">This scrape.</param>
/// <param name="Totals">Requests, errors, tokens and distributions of the span.</param>
public sealed record CounterDelta(SeriesId Series, DateTimeOffset From, DateTimeOffset To, SeriesTotals Totals);

/// <summary>Gauges of one series at one scrape; what is absent is null, never zero.</summary>
public sealed record ModelGauges(SeriesId Series, DateTimeOffset At)
{
    public long? Running { get; init; }

    public long? Waiting { get; init; }

    /// <summary>0 to 100.</summary>
    public double? KvCachePercent { get; init; }

    /// <summary>A mean that the source computed itself; it enters no distribution.</summary>
    public double? ResponseTimeMs { get; init; }

    public double? GpuUtilPercent { get; init; }

    /// <summary>Mean time between two tokens of the answers that ended since the last gauge.</summary>
    public double? InterTokenMs { get; init; }
}

/// <summary>One reading of one GPU; what the tool did not give is null, never zero.</summary>
/// <param name="Gpu">UUID.</param>
/// <param name="Index">The tool's index.</param>
public sealed record GpuSample(string Gpu, int Index, string Name, DateTimeOffset At)
{
    public double? GpuUtilPercent { get; init; }

    public double? MemoryUtilPercent { get; init; }

    public long? MemoryUsedBytes { get; init; }

    public long? MemoryTotalBytes { get; init; }

    public double? TemperatureC { get; init; }

    public double? PowerW { get; init; }

    public double? PowerLimitW { get; init; }

    public double? SmClockMhz { get; init; }

    public bool? Throttled { get; init; }

    /// <summary>Names of the reasons, e.g. <c>hw_thermal_slowdown</c>.</summary>
    public IReadOnlyList<string> ThrottleReasons { get; init; } = [];

    public long? EccUncorrected { get; init; }

    public long? EccCorrected { get; init; }

    /// <summary>Rows of memory that were replaced, for correctable and uncorrectable errors together.</summary>
    public long? RemappedRows { get; init; }

    /// <summary>A row waits for a reset of the GPU to be replaced.</summary>
    public bool? RemapPending { get; init; }

    /// <summary>A row could not be replaced: the board is for service.</summary>
    public bool? RemapFailed { get; init; }

    /// <summary>PCI address as the kernel log writes it: domain:bus:device, lower case; null where the tool does not say.</summary>
    public string? Pci { get; init; }

    public long? XidLast { get; init; }

    public long? ForeignProcesses { get; init; }

    public long? ForeignMemoryBytes { get; init; }
}

/// <summary>How one collection went.</summary>
/// <param name="At">When it ended.</param>
/// <param name="Error">Null where it succeeded.</param>
/// <param name="ErrorText">One line without secrets; empty where it succeeded.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="SamplesSkipped">Samples or lines that could not be read, each for a counted reason.</param>
/// <param name="Restarts">Engine restarts seen since the last report.</param>
public sealed record CollectionStatus(
    DateTimeOffset At, ErrorClass? Error, string ErrorText, TimeSpan Duration, long SamplesSkipped, int Restarts)
{
    /// <summary>The server is alive, as its health page says, though this collection failed.</summary>
    public bool IsAlive { get; init; }

    public bool IsUp => Error is null || IsAlive;
}

/// <summary>Why a collection failed; written in snake_case.</summary>
public enum ErrorClass
{
    Dns,
    Connect,
    Tls,
    Auth,
    Timeout,
    Busy,
    Http4xx,
    Http5xx,
    Redirect,
    TooLarge,
    WrongContent,
    MetricsDisabled,
    FileMissing,
    Permission,
    ToolFailed,
}
