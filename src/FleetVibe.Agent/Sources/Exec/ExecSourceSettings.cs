using System.Collections.ObjectModel;
using FleetVibe.Agent.Sources.JsonLog;

namespace FleetVibe.Agent.Sources.Exec;

/// <summary>What a command prints.</summary>
public enum ExecOutput
{
    /// <summary>Requests that ended since its last run, a JSON object a line.</summary>
    Json,

    /// <summary>Counters since a server's start, as a Prometheus page.</summary>
    Prometheus,

    /// <summary>Counters since a server's start, and gauges, as line protocol.</summary>
    LineProtocol,
}

/// <summary>A command of the user's own that is run once an interval and prints what it knows.</summary>
public sealed record ExecSourceSettings : PolledSourceSettings
{
    /// <summary>The field names of the JSON lines: those of a request log, with the time to first token in <c>ttft_ms</c>.</summary>
    private static readonly LogFields Fields = new() { Ttft = "ttft_ms", Variant = "variant" };

    public override string Kind => "exec";

    /// <summary>Program and arguments; no shell reads them.</summary>
    public required IReadOnlyList<string> Argv { get; init; }

    public required ExecOutput Output { get; init; }

    /// <summary>What the command finds in its environment beside PATH, HOME and the locale; values may be secrets.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Of a page: as of kind prometheus; empty finds out which engine the page is of.</summary>
    public IReadOnlyDictionary<string, string> Families { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <inheritdoc cref="EngineSourceSettings.ModelLabel"/>
    public string? ModelLabel { get; init; }

    /// <inheritdoc cref="EngineSourceSettings.OnceLabels"/>
    public IReadOnlyList<string> OnceLabels { get; init; } = [];

    /// <summary>Whether the clock of JSON lines is another than this node's: then times are never corrected.</summary>
    public bool ExternalClock { get; init; }

    public override SourceRank Rank => Output switch
    {
        ExecOutput.Json => SourceRank.Requests,
        ExecOutput.Prometheus => SourceRank.Engine,
        _ => SourceRank.Summary,
    };

    public override string Target => Name ?? Path.GetFileName(Argv[0]);

    /// <summary>As the page that the command stands for.</summary>
    internal EngineSourceSettings Page => new()
    {
        Engine = Families.Count > 0 ? EngineSourceSettings.Generic : EngineSourceSettings.Auto,
        Endpoint = new Uri($"exec:///{Uri.EscapeDataString(Target)}"),
        Name = Target,
        Model = Model,
        Task = Task,
        Variant = Variant,
        Families = Families,
        ModelLabel = ModelLabel,
        OnceLabels = OnceLabels,
    };

    /// <summary>As the log that the command stands for.</summary>
    internal JsonLogSourceSettings Lines => new()
    {
        Path = Argv[0], Name = Target, Model = Model, Task = Task, Variant = Variant, Fields = Fields, ExternalClock = ExternalClock,
    };

    /// <summary>What its counters belong to: another command is other counters.</summary>
    internal string Origin => string.Join('\n', Argv.Prepend($"{Kind} {Output}"));

    internal bool HasTtft => Output == ExecOutput.Json || (Output == ExecOutput.Prometheus && Engines.EngineKinds.HasTtft(Page));
}
