using System.Text;
using System.Text.Json;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.JsonLog;
using FleetVibe.Agent.Sources.JsonLog.Formats;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Exec;

/// <summary>
/// A command's JSON lines to requests: those that ended since its last run. A line <c>{"cursor": "..."}</c> says where it wants
/// to go on; it is stored together with the requests and handed to the next run.
/// </summary>
internal sealed class ExecLinesAdapter : IPolledAdapter
{
    /// <summary>Longest cursor in characters: it travels in the environment.</summary>
    internal const int MaxCursor = 4096;

    private const int MaxLineBytes = 1 << 20;

    private readonly LogLineParser _parser;
    private readonly string _command;

    public ExecLinesAdapter(ExecSourceSettings settings)
    {
        _parser = new LogLineParser(settings.Lines);
        _command = settings.Argv[0];
        Origin = settings.Origin;
    }

    public PageWanted Wanted { get; } = new("application/json", DisabledCure: null);

    public string Origin { get; }

    public PolledPage Read(CounterState state, FetchedPage page)
    {
        var requests = new List<RequestObservation>();
        var skipped = new SkipCounts();
        var cursor = state.Cursor;
        foreach (var range in page.Body.Span.Split((byte)'\n'))
        {
            var line = LineReader.Content(page.Body.Span[range]);
            if (line.IsEmpty)
            {
                continue;
            }

            if (CursorOf(line) is { } next)
            {
                if (next.Length > MaxCursor || next.Contains('\0', StringComparison.Ordinal))
                {
                    return PolledPage.Failed(state, ErrorClass.WrongContent, $"{_command}: its cursor has {next.Length} characters; at most {MaxCursor} and no NUL are possible, so nothing of this run counts");
                }

                cursor = next;
            }
            else if (line.Length > MaxLineBytes)
            {
                skipped.Count(SkipReason.Oversize);
            }
            else
            {
                var parsed = _parser.Read(line, new LineContext(Written: null, page.At, File: 0));
                if (parsed.Verdict == LineVerdict.Request)
                {
                    requests.Add(parsed.Request);
                }
                else if (parsed.Verdict == LineVerdict.Skipped)
                {
                    skipped.Count(parsed.Reason);
                }
            }
        }

        var isUnreadable = requests.Count == 0 && skipped.Total > 0;
        return new PolledPage(cursor == state.Cursor ? state : state with { Cursor = cursor })
        {
            Requests = requests,
            SamplesSkipped = skipped.Total,
            Error = isUnreadable ? ErrorClass.WrongContent : null,
            ErrorText = isUnreadable ? $"{_command}: no line that it printed could be read ({skipped}): one JSON object a line with timestamp, duration_ms, status and model is needed" : "",
        };
    }

    private static string? CursorOf(ReadOnlySpan<byte> line)
    {
        if (line[0] != '{' || line.IndexOf("\"cursor\""u8) < 0)
        {
            return null;
        }

        try
        {
            var reader = new Utf8JsonReader(line);
            return reader.Read() && reader.Read() && reader.ValueTextEquals("cursor"u8)
                && reader.Read() && reader.TokenType == JsonTokenType.String && reader.GetString() is { } cursor
                && reader.Read() && reader.TokenType == JsonTokenType.EndObject
                ? cursor
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            return null;
        }
    }
}
