using System.Text.Unicode;

namespace FleetVibe.Metrics.Exposition.Strict;

/// <summary>A rule of the format that a body breaks.</summary>
/// <param name="Line">From 1; the line that broke it, or the last one where something is missing at the end.</param>
/// <param name="Reason">One line for a user.</param>
public readonly record struct ExpositionFault(int Line, string Reason);

/// <summary>
/// Whether an exposition keeps every rule of its format: text 0.0.4 as Prometheus and its libraries read it, OpenMetrics 1.0 as
/// its reference suite has it, both with UTF-8 names in quotes. It allocates; pages that are collected are read by
/// <see cref="ExpositionReader"/> alone.
/// </summary>
public static class StrictExposition
{
    /// <summary>The first rule that is broken; null where the body keeps all.</summary>
    public static ExpositionFault? FirstFault(ReadOnlySpan<byte> body, ExpositionFormat format) =>
        format == ExpositionFormat.OpenMetrics ? OpenMetricsFault(body) : TextFault(body);

    private static ExpositionFault? TextFault(ReadOnlySpan<byte> body)
    {
        var rules = new TextRules();
        var number = 0;
        while (!body.IsEmpty)
        {
            number++;
            var line = TakeLine(ref body);
            LabelText.SkipBlanks(ref line);
            if (line.IsEmpty)
            {
                continue;
            }

            if (Fault(line) is { } reason)
            {
                return new ExpositionFault(number, reason);
            }
        }

        return null;

        string? Fault(ReadOnlySpan<byte> line) => line[0] switch
        {
            _ when !Utf8.IsValid(line) => "invalid UTF-8",
            (byte)'#' when MetadataLine.Read(line) is { } metadata => rules.Metadata(metadata),
            (byte)'#' => "a quoted name without its closing quote",
            _ => StrictSample.Read(line, ExpositionFormat.Text, out var sample) ?? rules.Sample(sample),
        };
    }

    private static ExpositionFault? OpenMetricsFault(ReadOnlySpan<byte> body)
    {
        var rules = new OpenMetricsRules();
        var number = 0;
        var ended = false;
        while (!body.IsEmpty)
        {
            number++;
            var line = TakeLine(ref body);
            if (ended)
            {
                return new ExpositionFault(number, "a line after # EOF");
            }

            ended = line.SequenceEqual("# EOF"u8);
            if (!ended && Fault(line) is { } reason)
            {
                return new ExpositionFault(number, reason);
            }
        }

        return (rules.End() ?? (ended ? null : "no # EOF at the end: the body was cut off")) is { } last
            ? new ExpositionFault(Math.Max(number, 1), last)
            : null;

        string? Fault(ReadOnlySpan<byte> line) => line switch
        {
            [] => "a blank line",
            _ when !Utf8.IsValid(line) => "invalid UTF-8",
            [(byte)'#', ..] when MetadataLine.ReadExactly(line) is { } metadata => rules.Metadata(metadata),
            [(byte)'#', ..] => "neither HELP, TYPE nor UNIT with a name and a text, one space between",
            _ => StrictSample.Read(line, ExpositionFormat.OpenMetrics, out var sample) ?? rules.Sample(sample),
        };
    }

    private static ReadOnlySpan<byte> TakeLine(scoped ref ReadOnlySpan<byte> body)
    {
        var end = body.IndexOf((byte)'\n');
        var line = end < 0 ? body : body[..end];
        body = end < 0 ? default : body[(end + 1)..];
        return line;
    }
}
