namespace FleetVibe.Agent.Sources.JsonLog.Formats;

/// <summary>One logical line to what it says. Keeps buffers, and of several engines the last statistics. Not thread safe.</summary>
internal interface ILineFormat
{
    /// <param name="line">Without its newline and its envelope; not blank.</param>
    ParsedLine Read(ReadOnlySpan<byte> line, in LineContext context);

    /// <summary>What a person should know of the lines that were read, once; null where there is nothing more.</summary>
    string? TakeNote() => null;
}

/// <summary>What is known of a line beside its text.</summary>
/// <param name="Written">When the container runtime took it; null without an envelope.</param>
/// <param name="ReadAt">When it is read: the time of a line that has none.</param>
/// <param name="File">Tells the files of one source apart.</param>
internal readonly record struct LineContext(DateTimeOffset? Written, DateTimeOffset ReadAt, ulong File);

internal enum LineVerdict
{
    Skipped,
    Request,
    Gauges,

    /// <summary>A line that is no request by its format, such as a start message.</summary>
    Other,
}

/// <summary>What one line came to.</summary>
internal readonly struct ParsedLine
{
    private ParsedLine(LineVerdict verdict) => Verdict = verdict;

    public static ParsedLine Other { get; } = new(LineVerdict.Other);

    public LineVerdict Verdict { get; }

    public RequestObservation Request { get; private init; }

    public ModelGauges? Gauges { get; private init; }

    /// <summary>Of <see cref="LineVerdict.Skipped"/>.</summary>
    public SkipReason Reason { get; private init; }

    public static ParsedLine Of(in RequestObservation request) => new(LineVerdict.Request) { Request = request };

    public static ParsedLine Of(ModelGauges gauges) => new(LineVerdict.Gauges) { Gauges = gauges };

    public static ParsedLine Skip(SkipReason reason) => new(LineVerdict.Skipped) { Reason = reason };
}
