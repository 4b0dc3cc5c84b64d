using System.Buffers.Text;
using System.Text.Json;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>One line of a request log to one finished request. Pure; keeps only buffers. Not thread safe.</summary>
internal sealed class LogLineParser
{
    // More tokens than any answer has; a number beyond it is a fault of the log and would ruin the sums.
    private const double MaxTokens = 1e12;

    private readonly JsonLogSourceSettings settings;
    private readonly LogFieldTree fields;
    private readonly LogStatus status;
    private readonly SeriesInterner series;
    private readonly double durationUnitsPerSecond;
    private readonly Slot[] slots = new Slot[Enum.GetValues<LogField>().Length];
    private byte[] unescaped = new byte[256];
    private int unescapedLength;

    public LogLineParser(JsonLogSourceSettings settings)
    {
        this.settings = settings;
        fields = LogFieldTree.From(settings.Fields);
        status = new LogStatus(settings.SuccessStatus);
        series = new SeriesInterner(settings.Model, settings.Task, settings.Variant);
        durationUnitsPerSecond = settings.Fields.DurationUnit switch
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

    /// <param name="line">Without its newline; not blank.</param>
    /// <returns>False where the line brings no request, for the given reason.</returns>
    public bool TryParse(ReadOnlySpan<byte> line, out RequestObservation request, out SkipReason reason)
    {
        request = default;
        if (!TryCapture(line))
        {
            reason = SkipReason.NotJson;
            return false;
        }

        if (!TryReadTimestamp(line, out var completedAt))
        {
            reason = SkipReason.BadTimestamp;
            return false;
        }

        var duration = ReadNumber(line, LogField.Duration, out var durationValue);
        var ttft = ReadNumber(line, LogField.Ttft, out var ttftValue);
        if (duration == NumberResult.Bad || ttft == NumberResult.Bad)
        {
            reason = duration == NumberResult.Bad ? SkipReason.BadDuration : SkipReason.BadTtft;
            return false;
        }

        if (!TryReadTokens(line, LogField.InputTokens, out var inputTokens) || !TryReadTokens(line, LogField.OutputTokens, out var outputTokens))
        {
            reason = SkipReason.BadTokens;
            return false;
        }

        var id = series.Find(NameOf(line, LogField.Model), NameOf(line, LogField.Task), NameOf(line, LogField.Variant));
        if (id is null)
        {
            reason = SkipReason.ModelMissing;
            return false;
        }

        reason = default;
        request = new RequestObservation(
            id,
            completedAt,
            duration == NumberResult.Good ? durationValue / durationUnitsPerSecond : null,
            ttft == NumberResult.Good ? ttftValue / 1e3 : null,
            inputTokens,
            outputTokens,
            OutcomeOf(line),
            settings.ExternalClock);
        return true;
    }

    private bool TryCapture(ReadOnlySpan<byte> line)
    {
        Array.Clear(slots);
        unescapedLength = 0;

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
            ReadObject(ref reader, fields);
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
                foreach (var field in child.Fields)
                {
                    slots[(int)field] = Capture(ref reader);
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

    private Slot Capture(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return default;
            case JsonTokenType.Number:
                return new Slot(SlotKind.Number, (int)reader.TokenStartIndex, reader.ValueSpan.Length, false);
            case JsonTokenType.True or JsonTokenType.False:
                return new Slot(SlotKind.Word, (int)reader.TokenStartIndex, reader.ValueSpan.Length, false);
            case JsonTokenType.String when !reader.ValueIsEscaped:
                return new Slot(SlotKind.Text, (int)reader.TokenStartIndex + 1, reader.ValueSpan.Length, false);
            case JsonTokenType.String:
                if (unescapedLength + reader.ValueSpan.Length > unescaped.Length)
                {
                    Array.Resize(ref unescaped, (unescapedLength + reader.ValueSpan.Length) * 2);
                }

                var start = unescapedLength;
                unescapedLength += reader.CopyString(unescaped.AsSpan(start));
                return new Slot(SlotKind.Text, start, unescapedLength - start, true);
            default:
                return new Slot(SlotKind.Container, 0, 0, false);
        }
    }

    private ReadOnlySpan<byte> TextOf(ReadOnlySpan<byte> line, LogField field)
    {
        var slot = slots[(int)field];
        return slot.IsUnescaped ? unescaped.AsSpan(slot.Start, slot.Length) : line.Slice(slot.Start, slot.Length);
    }

    private ReadOnlySpan<byte> NameOf(ReadOnlySpan<byte> line, LogField field) =>
        slots[(int)field].Kind is SlotKind.Text or SlotKind.Number ? TextOf(line, field) : default;

    private bool TryReadTimestamp(ReadOnlySpan<byte> line, out DateTimeOffset moment)
    {
        moment = default;
        return slots[(int)LogField.Timestamp].Kind switch
        {
            SlotKind.Number => LogTimestamp.TryParseUnix(TextOf(line, LogField.Timestamp), out moment),
            SlotKind.Text => LogTimestamp.TryParse(TextOf(line, LogField.Timestamp), settings.TimeZone, out moment),
            _ => false,
        };
    }

    /// <summary>A number, or a text that holds one; an empty text or a dash is how a proxy writes that it has none.</summary>
    private NumberResult ReadNumber(ReadOnlySpan<byte> line, LogField field, out double value)
    {
        value = 0;
        var kind = slots[(int)field].Kind;
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

    private RequestOutcome OutcomeOf(ReadOnlySpan<byte> line) => slots[(int)LogField.Status].Kind == SlotKind.Container
        ? RequestOutcome.Error
        : status.OutcomeOf(TextOf(line, LogField.Status));

    private readonly record struct Slot(SlotKind Kind, int Start, int Length, bool IsUnescaped);
}
