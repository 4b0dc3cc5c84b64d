using System.Text;
using FleetVibe.Agent.Sources.JsonLog.Formats;
using FleetVibe.Agent.Sources.Reading;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.Exposition.Strict;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Verbs.Parse;

/// <summary>Reads a body with the readers of the agent, and says what became of each line.</summary>
internal static class InputReading
{
    private const int MaxExcerptBytes = 120;

    /// <param name="file">The argument, verbatim.</param>
    /// <param name="mediaType">What the server calls it; null for a file.</param>
    /// <param name="wanted">Null looks at the body.</param>
    /// <param name="strict">A body that breaks a rule of its format fails.</param>
    /// <param name="at">When it was read.</param>
    /// <param name="logFormat">How the lines of a log are written; null looks at the body.</param>
    public static ParsedInput Read(
        string file, ReadOnlyMemory<byte> body, string? mediaType, InputFormat? wanted, bool strict, DateTimeOffset at, string? logFormat = null) =>
        (wanted ?? (logFormat is null ? null : (InputFormat?)InputFormat.JsonLog) ?? InputFormats.Detect(body.Span, mediaType)) switch
        {
            InputFormat.Prometheus => Exposition(file, body, ExpositionFormat.Text, strict, at),
            InputFormat.OpenMetrics => Exposition(file, body, ExpositionFormat.OpenMetrics, strict, at),
            InputFormat.LineProtocol => Lines(file, body.Span, strict),
            InputFormat.JsonLog => Log(file, body, logFormat, strict, at),
            InputFormat.NvidiaSmi => Gpus(file, body.Span, strict, at),
            _ => Unknown(file, body.Span),
        };

    private static ParsedInput Exposition(string file, ReadOnlyMemory<byte> body, ExpositionFormat format, bool strict, DateTimeOffset at)
    {
        var text = ExpositionBody.Unquote(body);
        var page = ExpositionPage.Read(text.Span, format);
        var skipped = Excerpts(text.Span, page.Skipped.Select(s => new SkippedInput(s.Line, s.Column, s.Reason, "")));
        var notes = new List<string>();
        var wasQuoted = text.Length != body.Length;
        if (wasQuoted)
        {
            notes.Add("the whole page is one JSON string, as some builds of llama.cpp send it; it was unquoted");
        }

        if (!text.IsEmpty && text.Span[^1] != '\n' && !text.Span.EndsWith("# EOF"u8))
        {
            notes.Add("the last line has no newline: an agent leaves it out, because it may be half a number");
        }

        return new ParsedInput(file, format == ExpositionFormat.Text ? InputFormat.Prometheus : InputFormat.OpenMetrics)
        {
            Exposition = page,
            Look = PageReading.Look(text, at),
            Skipped = skipped,
            Notes = notes,
            Error = page.IsTruncated ? "no # EOF at the end: the page was cut off, and an agent discards it"
                : page.Samples == 0 && skipped.Count > 0 ? $"no line can be read; {First(skipped)}"
                : !strict ? null
                : wasQuoted ? "line 1: the whole page is one JSON string"
                : StrictExposition.FirstFault(text.Span, format) is { } fault ? $"line {fault.Line}: {fault.Reason}" : null,
        };
    }

    private static ParsedInput Lines(string file, ReadOnlySpan<byte> body, bool strict)
    {
        var read = LineProtocolReader.Read(body);
        var skipped = read.Errors.Select(e => new SkippedInput(e.Line, e.Column, e.Reason, Cut(Encoding.UTF8.GetBytes(e.Text)))).ToList();
        return new ParsedInput(file, InputFormat.LineProtocol)
        {
            Points = read.Points,
            Skipped = skipped,
            Error = skipped.Count > 0 && (strict || read.Points.Count == 0) ? First(skipped) : null,
        };
    }

    private static ParsedInput Log(string file, ReadOnlyMemory<byte> body, string? format, bool strict, DateTimeOffset at)
    {
        var log = RequestLogReading.Look(body.Span, format, at);
        if (log.Read == 0 && PageReading.Look(body, at) is { Kind: not null } summary)
        {
            return new ParsedInput(file, InputFormat.JsonLog) { Log = log with { Skipped = [] }, Look = summary };
        }

        var skipped = Excerpts(body.Span, log.Skipped.Select(s => new SkippedInput(s.Line, null, s.Reason, "")));
        return new ParsedInput(file, InputFormat.JsonLog)
        {
            Log = log,
            Skipped = skipped,
            Notes = NotesOf(log),
            Error = skipped.Count > 0 && (strict || log.Read == 0) ? First(skipped) : null,
        };
    }

    private static List<string> NotesOf(RequestLogLook log)
    {
        var notes = new List<string>();
        if (log.Format != LogFormats.Json)
        {
            notes.Add($"its lines are those of {LogFormats.Of(log.Format).Product}: set format = \"{log.Format}\" in the source");
        }

        if (log.Enveloped > 0)
        {
            notes.Add($"{log.Enveloped} lines are in the envelope of a container runtime, which was taken off");
        }

        if (log.Others > 0)
        {
            notes.Add($"{log.Others} lines are no requests by their format; none of them is {LogFormats.Of(log.Format).Wanted}");
        }

        if (log.WithoutModel > 0)
        {
            notes.Add($"{log.WithoutModel} lines name no model: set model in the source");
        }

        return notes;
    }

    private static ParsedInput Gpus(string file, ReadOnlySpan<byte> body, bool strict, DateTimeOffset at)
    {
        var table = GpuTableReading.Read(body, at);
        var skipped = Excerpts(body, table.Skipped.Select(s => new SkippedInput(s.Line, null, s.Reason, "")));
        return new ParsedInput(file, InputFormat.NvidiaSmi)
        {
            Gpus = table,
            Skipped = skipped,
            Error = skipped.Count > 0 && (strict || table.Gpus.Count == 0) ? First(skipped) : null,
        };
    }

    private static ParsedInput Unknown(string file, ReadOnlySpan<byte> body)
    {
        var page = ExpositionPage.Read(body, ExpositionFormat.Text);
        return new ParsedInput(file, null)
        {
            Error = IsHtml(body)
                ? "it is an HTML page: metrics stand at another path, often /metrics, and where a token is missing a server may answer with a page to log in"
                : "nothing that FleetVibe reads is recognised; --format names a format"
                + (page.Skipped.Count > 0 ? $" (as prometheus, line {page.Skipped[0].Line}: {page.Skipped[0].Reason})" : ""),
        };
    }

    private static bool IsHtml(ReadOnlySpan<byte> body)
    {
        var head = Encoding.UTF8.GetString(body.TrimStart("\ufeff \t\r\n"u8) is { Length: > 16 } text ? text[..16] : body);
        return head.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase) || head.StartsWith("<html", StringComparison.OrdinalIgnoreCase);
    }

    private static string First(List<SkippedInput> skipped) => $"line {skipped[0].Line}: {skipped[0].Reason}";

    // The lines come in order, so that one pass finds them all.
    private static List<SkippedInput> Excerpts(ReadOnlySpan<byte> body, IEnumerable<SkippedInput> skipped)
    {
        var found = new List<SkippedInput>();
        var (line, start) = (1, 0);
        foreach (var one in skipped)
        {
            for (; line < one.Line; line++)
            {
                start += body[start..].IndexOf((byte)'\n') + 1;
            }

            var end = body[start..].IndexOf((byte)'\n');
            found.Add(one with { Text = Cut(end < 0 ? body[start..] : body.Slice(start, end)) });
        }

        return found;
    }

    private static string Cut(ReadOnlySpan<byte> line)
    {
        line = line.TrimEnd("\r"u8);
        var text = Encoding.UTF8.GetString(line[..Math.Min(line.Length, MaxExcerptBytes)]);
        return line.Length > MaxExcerptBytes ? text + "..." : text;
    }
}
