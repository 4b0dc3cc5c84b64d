using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using FleetVibe.Agent.Sources.JsonLog.Formats;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>A JSON object to one finished request, by the field names of its format and source.</summary>
internal sealed class LogLineParser : ILineFormat
{
    // More tokens than any answer has; a number beyond it is a fault of the log and would ruin the sums.
    internal const double MaxTokens = 1e12;

    private readonly JsonLogSourceSettings _settings;
    private readonly LogFormat _format;
    private readonly LogFieldTree _fields;
    private readonly LogStatus _status;
    private readonly SeriesInterner _series;
    private readonly RequestFilter _filter;
    private readonly byte[][] _failures;
    private readonly double _durationUnitsPerSecond;
    private readonly Slot[] _slots = new Slot[Enum.GetValues<LogField>().Length];
    private byte[] _unescaped = new byte[256];
    private int _unescapedLength;

    public LogLineParser(JsonLogSourceSettings settings)
    {
        _settings = settings;
        _format = LogFormats.Of(settings.Format);
        _fields = LogFieldTree.From(_format, settings.AllFields);
        _status = new LogStatus(settings.SuccessStatus);
        _series = new SeriesInterner(settings.Model, settings.Task, settings.Variant);
        _filter = new RequestFilter(settings.OnlyPaths);
        _failures = [.. _format.Failures.Select(Encoding.UTF8.GetBytes)];
        _durationUnitsPerSecond = settings.AllFields.DurationUnit switch
        {
            "s" => 1,
            "ms" => 1e3,
            "us" => 1e6,
            "ns" => 1e9,
            var unit => throw new ArgumentException($"source {settings.Key}: duration unit '{unit}' is none of ms, s, us, ns", nameof(settings)),
        };
    }

    private enum SlotKind : byte
    {
        Missing,
        Number,
        Text,
        Word,
        Container,
    }

    private enum NumberResult
    {
        Missing,
        Good,
        Bad,
    }

    public ParsedLine Read(ReadOnlySpan<byte> line, in LineContext context)
    {
        if (!TryCapture(line))
        {
            return ParsedLine.Skip(SkipReason.NotJson);
        }

        var hasFailed = _format.Marker is not null && !Has(LogField.Marker);
        if ((hasFailed && !IsFailure(line)) || !IsWanted(line))
        {
            return ParsedLine.Other;
        }

        if (ReadTimes(line, context, out var times) is { } fault)
        {
            return ParsedLine.Skip(fault);
        }

        if (!TryReadTokens(line, LogField.InputTokens, out var inputTokens) || !TryReadTokens(line, LogField.OutputTokens, out var outputTokens))
        {
            return ParsedLine.Skip(SkipReason.BadTokens);
        }

        if (_series.Find(NameOf(line, LogField.Model), NameOf(line, LogField.Task), NameOf(line, LogField.Variant)) is not { } id)
        {
            return ParsedLine.Skip(SkipReason.ModelMissing);
        }

        return ParsedLine.Of(new RequestObservation(
            id, times.End, times.DurationSeconds, times.TtftSeconds, inputTokens, outputTokens,
            hasFailed ? RequestOutcome.Error : OutcomeOf(line), _settings.ExternalClock));
    }

    public string? TakeNote() => _status.TakeNote();

    private bool Has(LogField field) => _slots[(int)field].Kind != SlotKind.Missing;

    private bool IsFailure(ReadOnlySpan<byte> line)
    {
        foreach (var failure in _failures)
        {
            if (TextOf(line, LogField.Message).StartsWith(failure))
            {
                return true;
            }
        }

        return false;
    }

    private bool IsWanted(ReadOnlySpan<byte> line) =>
        (!Has(LogField.Method) || RequestFilter.IsPost(TextOf(line, LogField.Method)))
        && (!Has(LogField.Path) || _filter.Takes(TextOf(line, LogField.Path)));

    /// <returns>Null where the times are good.</returns>
    private SkipReason? ReadTimes(ReadOnlySpan<byte> line, in LineContext context, out RequestTimes times)
    {
        times = default;
        DateTimeOffset? end = null, start = null, first = null;
        if (!TryReadMoment(line, LogField.Timestamp, ref end) || !TryReadMoment(line, LogField.Start, ref start) || !TryReadMoment(line, LogField.FirstToken, ref first))
        {
            return SkipReason.BadTimestamp;
        }

        if (!TryReadDuration(line, out var duration))
        {
            return SkipReason.BadDuration;
        }

        var hasTtft = ReadNumber(line, LogField.Ttft, out var ttft);
        if (hasTtft == NumberResult.Bad)
        {
            return SkipReason.BadTtft;
        }

        end ??= start is { } began && duration is { } took ? After(began, took) : context.Written;
        if (end is null)
        {
            return SkipReason.BadTimestamp;
        }

        duration ??= start is null ? null : (end - start).Value.TotalSeconds;
        if (duration < 0)
        {
            return SkipReason.BadDuration;
        }

        // Where the answer came in one piece, what is called its first token is its end.
        var waited = start is not null && first < end ? (first - start).Value.TotalSeconds : (double?)null;
        if (waited < 0)
        {
            return SkipReason.BadTtft;
        }

        times = new RequestTimes(end.Value, duration, hasTtft == NumberResult.Good ? ttft / 1e3 : waited);
        return null;
    }

    private static DateTimeOffset? After(DateTimeOffset began, double seconds) =>
        seconds < (DateTimeOffset.MaxValue - began).TotalSeconds ? began.AddTicks((long)(seconds * TimeSpan.TicksPerSecond)) : null;

    private bool TryReadMoment(ReadOnlySpan<byte> line, LogField field, ref DateTimeOffset? moment)
    {
        var slot = _slots[(int)field];
        if (slot.Kind == SlotKind.Missing)
        {
            return true;
        }

        var read = default(DateTimeOffset);
        var isRead = slot.Kind switch
        {
            SlotKind.Number => LogTimestamp.TryParseUnix(TextOf(line, field), out read),
            SlotKind.Text => LogTimestamp.TryParse(TextOf(line, field), _settings.TimeZone, out read),
            _ => false,
        };
        moment = isRead ? read : null;
        return isRead;
    }

    private bool TryReadDuration(ReadOnlySpan<byte> line, out double? seconds)
    {
        seconds = null;
        return _slots[(int)LogField.Duration].Kind switch
        {
            SlotKind.Missing => true,
            SlotKind.Number or SlotKind.Text => LogDuration.TryParse(TextOf(line, LogField.Duration), _durationUnitsPerSecond, out seconds),
            _ => false,
        };
    }

    private bool TryCapture(ReadOnlySpan<byte> line)
    {
        Array.Clear(_slots);
        _unescapedLength = 0;

        // A log of plain text would otherwise cost an exception a line.
        var start = line.IndexOfAnyExcept(" \t"u8);
        if (start < 0 || line[start] != '{')
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(line);
            reader.Read();
            ReadObject(ref reader, _fields);
            return !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair or bytes that are no UTF-8, in an escaped text.
            return false;
        }
    }

    private void ReadObject(ref Utf8JsonReader reader, LogFieldTree node)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var child = Find(ref reader, node);
            reader.Read();
            if (child is not null)
            {
                foreach (var (field, rank) in child.Fields)
                {
                    Take(field, Capture(ref reader, rank));
                }

                if (child.Children.Count > 0 && reader.TokenType == JsonTokenType.StartObject)
                {
                    ReadObject(ref reader, child);
                    continue;
                }
            }

            reader.Skip();
        }
    }

    // Of equal keys the last counts, of alternatives the best that has a value.
    private void Take(LogField field, in Slot captured)
    {
        ref var slot = ref _slots[(int)field];
        if (captured.IsBlank ? slot.Kind == SlotKind.Missing || captured.Rank == slot.Rank : slot.IsBlank || captured.Rank <= slot.Rank)
        {
            slot = captured;
        }
    }

    private static LogFieldTree? Find(ref Utf8JsonReader reader, LogFieldTree node)
    {
        foreach (var child in node.Children)
        {
            if (reader.ValueIsEscaped ? reader.ValueTextEquals(child.Name) : reader.ValueSpan.SequenceEqual(child.Name))
            {
                return child;
            }
        }

        return null;
    }

    private Slot Capture(ref Utf8JsonReader reader, byte rank)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return new Slot(SlotKind.Missing, 0, 0, false, rank);
            case JsonTokenType.Number:
                return new Slot(SlotKind.Number, (int)reader.TokenStartIndex, reader.ValueSpan.Length, false, rank);
            case JsonTokenType.True or JsonTokenType.False:
                return new Slot(SlotKind.Word, (int)reader.TokenStartIndex, reader.ValueSpan.Length, false, rank);
            case JsonTokenType.String when !reader.ValueIsEscaped:
                return new Slot(SlotKind.Text, (int)reader.TokenStartIndex + 1, reader.ValueSpan.Length, false, rank);
            case JsonTokenType.String:
                if (_unescapedLength + reader.ValueSpan.Length > _unescaped.Length)
                {
                    Array.Resize(ref _unescaped, (_unescapedLength + reader.ValueSpan.Length) * 2);
                }

                var start = _unescapedLength;
                _unescapedLength += reader.CopyString(_unescaped.AsSpan(start));
                return new Slot(SlotKind.Text, start, _unescapedLength - start, true, rank);
            default:
                return new Slot(SlotKind.Container, 0, 0, false, rank);
        }
    }

    private ReadOnlySpan<byte> TextOf(ReadOnlySpan<byte> line, LogField field)
    {
        var slot = _slots[(int)field];
        return slot.IsUnescaped ? _unescaped.AsSpan(slot.Start, slot.Length) : line.Slice(slot.Start, slot.Length);
    }

    private ReadOnlySpan<byte> NameOf(ReadOnlySpan<byte> line, LogField field) =>
        _slots[(int)field].Kind is SlotKind.Text or SlotKind.Number or SlotKind.Word ? TextOf(line, field) : default;

    /// <summary>A number, or a text that holds one; an empty text or a dash is how a proxy writes that it has none.</summary>
    private NumberResult ReadNumber(ReadOnlySpan<byte> line, LogField field, out double value)
    {
        value = 0;
        var kind = _slots[(int)field].Kind;
        if (kind == SlotKind.Missing)
        {
            return NumberResult.Missing;
        }

        if (kind is not (SlotKind.Number or SlotKind.Text))
        {
            return NumberResult.Bad;
        }

        var text = TextOf(line, field).Trim((byte)' ');
        if (kind == SlotKind.Text && (text.IsEmpty || text.SequenceEqual("-"u8)))
        {
            return NumberResult.Missing;
        }

        return Utf8Parser.TryParse(text, out value, out var used) && used == text.Length && double.IsFinite(value) && value >= 0
            ? NumberResult.Good
            : NumberResult.Bad;
    }

    private bool TryReadTokens(ReadOnlySpan<byte> line, LogField field, out long tokens)
    {
        var result = ReadNumber(line, field, out var value);
        tokens = result == NumberResult.Good && value <= MaxTokens ? (long)Math.Round(value) : 0;
        return result == NumberResult.Missing || (result == NumberResult.Good && value <= MaxTokens);
    }

    private RequestOutcome OutcomeOf(ReadOnlySpan<byte> line) => _slots[(int)LogField.Status].Kind == SlotKind.Container
        ? RequestOutcome.Error
        : _status.OutcomeOf(TextOf(line, LogField.Status));

    private readonly record struct RequestTimes(DateTimeOffset End, double? DurationSeconds, double? TtftSeconds);

    private readonly record struct Slot(SlotKind Kind, int Start, int Length, bool IsUnescaped, byte Rank)
    {
        public bool IsBlank => Kind == SlotKind.Missing || (Kind == SlotKind.Text && Length == 0);
    }
}
