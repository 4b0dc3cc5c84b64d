using System.Text;

namespace FleetVibe.Metrics.LineProtocol;

/// <summary>
/// Reads line protocol as strictly as both of Telegraf's parsers together: what only one of them takes, or what they take
/// differently, is refused. A refused line costs itself; the next is read. An open string swallows the lines up to
/// its closing quote, as it does there.
/// </summary>
public static class LineProtocolReader
{
    private const int QuotedBytes = 1024;

    /// <param name="body">UTF-8; lines end in LF or CRLF, the last may go without.</param>
    public static LineProtocolResult Read(ReadOnlySpan<byte> body)
    {
        var points = new List<ParsedPoint>();
        var errors = new List<LineProtocolError>();
        var start = 0;
        var line = 1;
        while (start < body.Length)
        {
            var scanner = new PointScanner(body, start);
            if (!scanner.SkipBlankOrComment())
            {
                if (scanner.TryReadPoint(line) is { } point)
                {
                    points.Add(point);
                }
                else
                {
                    scanner.SkipLine();
                    errors.Add(ErrorOf(body, start, line, scanner));
                }
            }

            var next = Math.Min(scanner.AfterLineBreak, body.Length);
            line += body[start..next].Count((byte)'\n');
            start = next;
        }

        return new LineProtocolResult(points, errors);
    }

    private static LineProtocolError ErrorOf(ReadOnlySpan<byte> body, int start, int line, PointScanner scanner)
    {
        var before = body[start..scanner.FailedAt];
        var text = body[start..scanner.At];
        return new LineProtocolError(
            line + before.Count((byte)'\n'),
            before.Length - (before.LastIndexOf((byte)'\n') + 1) + 1,
            scanner.Reason,
            Encoding.UTF8.GetString(text[..Math.Min(text.Length, QuotedBytes)]),
            start..scanner.At);
    }
}
