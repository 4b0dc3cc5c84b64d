using System.Text.Json;

namespace FleetVibe.Agent.Sources.JsonLog.Envelopes;

/// <summary>One line of a container's log file: a whole line of the service, or a piece of one.</summary>
internal readonly ref struct EnvelopeRecord
{
    public const int Streams = 3;

    /// <summary>What the service wrote, without its newline.</summary>
    public ReadOnlySpan<byte> Text { get; init; }

    /// <summary>When the runtime took it; null where the line has no envelope.</summary>
    public DateTimeOffset? Written { get; init; }

    /// <summary>0 none, 1 stdout, 2 stderr: pieces belong together within one of them.</summary>
    public int Stream { get; init; }

    /// <summary>More of the line follows in a later record of the stream.</summary>
    public bool IsPartial { get; init; }
}

/// <summary>
/// Takes off what a container runtime writes around a line. Docker's json-file splits lines above 16 KiB and ends the last
/// piece with a newline; containerd and CRI-O mark pieces with P and the last with F. Not thread safe.
/// </summary>
internal sealed class EnvelopeReader(LogEnvelope envelope)
{
    private byte[] _buffer = [];

    /// <param name="line">A line of the file, without its newline.</param>
    /// <param name="record">Valid until the next call.</param>
    /// <returns>False where the line has not the envelope that is configured.</returns>
    public bool TryRead(ReadOnlySpan<byte> line, out EnvelopeRecord record)
    {
        record = new EnvelopeRecord { Text = line };
        switch (envelope)
        {
            case LogEnvelope.None:
                return true;
            case LogEnvelope.Docker:
                return TryDocker(line, isSure: true, out record);
            case LogEnvelope.Cri:
                return TryCri(line, out record);
            default:
                if (line.IsEmpty)
                {
                    return true;
                }

                if (line.StartsWith("{\"log\":"u8) ? !TryDocker(line, isSure: false, out record) : !char.IsAsciiDigit((char)line[0]) || !TryCri(line, out record))
                {
                    record = new EnvelopeRecord { Text = line };
                }

                return true;
        }
    }

    /// <param name="isSure">A field <c>log</c> is enough; else stream and time must be there too, for a service may have a field of that name.</param>
    private bool TryDocker(ReadOnlySpan<byte> line, bool isSure, out EnvelopeRecord record)
    {
        record = default;
        if (line.IsEmpty || line[0] != '{')
        {
            return false;
        }

        try
        {
            return TryReadDocker(line, isSure, out record);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Damaged JSON; half a character in an escaped text.
            return false;
        }
    }

    private bool TryReadDocker(ReadOnlySpan<byte> line, bool isSure, out EnvelopeRecord record)
    {
        record = default;
        var (length, stream, hasStream) = (-1, 0, false);
        DateTimeOffset? written = null;
        var reader = new Utf8JsonReader(line);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isText = reader.ValueTextEquals("log"u8);
            var isStream = !isText && reader.ValueTextEquals("stream"u8);
            var isTime = !isText && !isStream && reader.ValueTextEquals("time"u8);
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
            {
                reader.Skip();
                continue;
            }

            if (isText)
            {
                if (_buffer.Length < reader.ValueSpan.Length)
                {
                    _buffer = new byte[Math.Max(1024, reader.ValueSpan.Length)];
                }

                length = reader.CopyString(_buffer);
            }
            else if (isStream)
            {
                hasStream = true;
                stream = reader.ValueTextEquals("stdout"u8) ? 1 : reader.ValueTextEquals("stderr"u8) ? 2 : 0;
            }
            else if (isTime && !reader.ValueIsEscaped && LogTimestamp.TryParseCalendar(reader.ValueSpan, TimeZoneInfo.Utc, out var moment))
            {
                written = moment;
            }
        }

        // What follows the object is refused by the reader.
        if (reader.Read() || length < 0 || (!isSure && (!hasStream || written is null)))
        {
            return false;
        }

        var text = _buffer.AsSpan(0, length);
        var isLast = text.EndsWith("\n"u8);
        record = new EnvelopeRecord { Text = isLast ? text[..^1] : text, Written = written, Stream = stream, IsPartial = !isLast };
        return true;
    }

    private static bool TryCri(ReadOnlySpan<byte> line, out EnvelopeRecord record)
    {
        record = default;
        var time = line.IndexOf((byte)' ');
        if (time < 0 || !LogTimestamp.TryParseCalendar(line[..time], TimeZoneInfo.Utc, out var written))
        {
            return false;
        }

        var rest = line[(time + 1)..];
        var stream = rest.StartsWith("stdout "u8) ? 1 : rest.StartsWith("stderr "u8) ? 2 : 0;
        if (stream == 0)
        {
            return false;
        }

        // The mark may be the first of several tags, P:tag.
        rest = rest[7..];
        var end = rest.IndexOf((byte)' ');
        var tags = end < 0 ? rest : rest[..end];
        if (tags.IsEmpty || tags[0] is not ((byte)'P' or (byte)'F') || (tags.Length > 1 && tags[1] != ':'))
        {
            return false;
        }

        record = new EnvelopeRecord { Text = end < 0 ? default : rest[(end + 1)..], Written = written, Stream = stream, IsPartial = tags[0] == 'P' };
        return true;
    }
}
