using FleetVibe.Agent.Sources.JsonLog;
using FleetVibe.Agent.Sources.JsonLog.Envelopes;
using FleetVibe.Agent.Sources.JsonLog.Formats;

namespace FleetVibe.Agent.Sources.Reading;

/// <summary>A finished request and the line on which it ends, from 1.</summary>
public sealed record LoggedRequest(int Line, RequestObservation Request);

/// <summary>Statistics of engines and their line, from 1.</summary>
public sealed record LoggedGauges(int Line, ModelGauges Gauges);

/// <summary>What a log holds.</summary>
/// <param name="Format">How it was read: a name of <see cref="LogFormats.All"/>.</param>
/// <param name="WithoutModel">Requests whose line names no model: their source must name it.</param>
public sealed record RequestLogLook(string Format, IReadOnlyList<LoggedRequest> Requests, IReadOnlyList<LineLeftOut> Skipped, int WithoutModel)
{
    public IReadOnlyList<LoggedGauges> Gauges { get; init; } = [];

    /// <summary>Lines in the envelope of a container runtime.</summary>
    public int Enveloped { get; init; }

    /// <summary>Lines that are no requests by their format, such as start messages.</summary>
    public int Others { get; init; }

    /// <summary>Lines that a source would report something of.</summary>
    public int Read => Requests.Count + Gauges.Count;

    /// <summary>It is a log beyond doubt, even if nothing of it counts.</summary>
    public bool IsLog => Read > 0 || Enveloped > 0 || Format != LogFormats.Json;
}

/// <summary>Reads a log as the source <c>json_log</c> does.</summary>
public static class RequestLogReading
{
    /// <summary>Stands for the model where a line names none.</summary>
    public const string ModelOfSource = "(model of the source)";

    private const int BytesLookedAt = 256 * 1024;

    // A line of these cannot be mistaken.
    private static readonly string[] Marked = [LogFormats.VllmStats, LogFormats.Uvicorn, "tgi", "litellm"];

    /// <summary>Reads with the field names that the format has by itself.</summary>
    /// <param name="format">Null looks which one it is.</param>
    /// <param name="readAt">The time of lines that have none.</param>
    public static RequestLogLook Look(ReadOnlySpan<byte> body, string? format, DateTimeOffset readAt) =>
        Read(body, new JsonLogSourceSettings { Path = "", Format = format ?? Guess(body[..Math.Min(body.Length, BytesLookedAt)], readAt) }, readAt);

    private static string Guess(ReadOnlySpan<byte> head, DateTimeOffset readAt)
    {
        var (best, most) = (LogFormats.Json, 0);
        foreach (var format in Marked)
        {
            var read = Read(head, new JsonLogSourceSettings { Path = "", Format = format }, readAt).Read;
            (best, most) = read > most ? (format, read) : (best, most);
        }

        // Access lines without a POST among them are told by what each has.
        return most > 0 ? best
            : head.IndexOf("request_time"u8) >= 0 ? "nginx_json"
            : head.IndexOf(" - "u8) >= 0 && head.IndexOf(" HTTP/"u8) >= 0 && Read(head, new JsonLogSourceSettings { Path = "" }, readAt).Read == 0 ? LogFormats.Uvicorn
            : best;
    }

    /// <summary>Reads as a source is configured; one that names no model is said to lack it, and its lines are read all the same.</summary>
    public static RequestLogLook Read(ReadOnlySpan<byte> body, JsonLogSourceSettings settings, DateTimeOffset readAt)
    {
        var read = new Reader(settings, readAt);
        var number = 0;
        foreach (var range in body.Split((byte)'\n'))
        {
            read.Take(body[range], ++number);
        }

        return read.Finish();
    }

    private sealed class Reader(JsonLogSourceSettings settings, DateTimeOffset readAt)
    {
        private readonly EnvelopeReader _envelopes = new(settings.Envelope);
        private readonly LineAssembler _lines = new(settings.MaxLineBytes);
        private readonly ILineFormat _plain = LogFormats.CreateReader(settings);
        private readonly ILineFormat _named = LogFormats.CreateReader(settings.Model is null ? settings with { Model = ModelOfSource } : settings);
        private readonly List<LoggedRequest> _requests = [];
        private readonly List<LoggedGauges> _gauges = [];
        private readonly List<LineLeftOut> _skipped = [];
        private int _enveloped;
        private int _others;

        public void Take(ReadOnlySpan<byte> line, int number)
        {
            line = LineReader.Content(line);
            if (line.IndexOfAnyExcept((byte)0) is > 0 and var hole)
            {
                Skip(number, SkipReason.NulRun);
                line = line[hole..];
            }

            if (line.IsEmpty)
            {
                return;
            }

            if (line.Length > settings.MaxLineBytes || !_envelopes.TryRead(line, out var record))
            {
                Skip(number, line.Length > settings.MaxLineBytes ? SkipReason.Oversize : SkipReason.NoEnvelope);
                return;
            }

            _enveloped += record.Written is null && record.Stream == 0 ? 0 : 1;
            switch (_lines.Take(record, number, out var whole))
            {
                case Assembled.Whole when LineReader.Content(whole) is { IsEmpty: false } text:
                    Add(text, new LineContext(record.Written, readAt, 0), number);
                    break;
                case Assembled.TooLong:
                    Skip(number, SkipReason.Oversize);
                    break;
            }
        }

        public RequestLogLook Finish()
        {
            if (_lines.WaitingFrom is { } from)
            {
                Skip((int)from, SkipReason.Unfinished);
            }

            return new RequestLogLook(
                settings.Format, _requests, [.. _skipped.OrderBy(line => line.Line)], _requests.Count(r => r.Request.Series.Model == ModelOfSource) + _gauges.Count(g => g.Gauges.Series.Model == ModelOfSource))
            {
                Gauges = _gauges,
                Enveloped = _enveloped,
                Others = _others,
            };
        }

        private void Add(ReadOnlySpan<byte> text, in LineContext context, int number)
        {
            var line = _plain.Read(text, context);
            if (line is { Verdict: LineVerdict.Skipped, Reason: SkipReason.ModelMissing })
            {
                line = _named.Read(text, context);
            }

            switch (line.Verdict)
            {
                case LineVerdict.Request:
                    _requests.Add(new LoggedRequest(number, line.Request));
                    break;
                case LineVerdict.Gauges:
                    _gauges.Add(new LoggedGauges(number, line.Gauges!));
                    break;
                case LineVerdict.Other:
                    _others++;
                    break;
                default:
                    Skip(number, line.Reason);
                    break;
            }
        }

        private void Skip(int number, SkipReason reason) => _skipped.Add(new LineLeftOut(number, SkipCounts.Explain(reason, settings)));
    }
}
