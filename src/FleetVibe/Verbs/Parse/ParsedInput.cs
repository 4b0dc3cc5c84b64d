using FleetVibe.Agent.Sources.Reading;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Verbs.Parse;

/// <summary>A line that was left out.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">In bytes from 1; null where the whole line is meant.</param>
/// <param name="Text">The line, cut.</param>
internal sealed record SkippedInput(int Line, int? Column, string Reason, string Text);

/// <summary>One FILE of the command line, read.</summary>
/// <param name="File">The argument, verbatim.</param>
/// <param name="Format">Null where none was recognised or nothing could be read.</param>
internal sealed record ParsedInput(string File, InputFormat? Format)
{
    /// <summary>Why it failed; null where it did not.</summary>
    public string? Error { get; init; }

    public ExpositionPage? Exposition { get; init; }

    public IReadOnlyList<ParsedPoint>? Points { get; init; }

    public RequestLogLook? Log { get; init; }

    public GpuTableLook? Gpus { get; init; }

    /// <summary>What an agent would take from it, where it is a page.</summary>
    public PageLook? Look { get; init; }

    public IReadOnlyList<SkippedInput> Skipped { get; init; } = [];

    /// <summary>What reads well, and still will not count as a user may expect.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
