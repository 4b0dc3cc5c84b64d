using FleetVibe.Agent.Sources.JsonLog.Envelopes;
using FleetVibe.Agent.Sources.JsonLog.Formats;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>Reads the whole lines that a file holds beyond its offset into a batch; serves all files of a source. Not thread safe.</summary>
internal sealed class LineReader(ILineFormat format, LogEnvelope envelope, int maxLineBytes)
{
    private const int FirstBufferBytes = 256 << 10;

    /// <summary>How far apart the pieces of one line may stand, beside the longest line: a restart reads this much again.</summary>
    private const long MaxWaitingBytes = 16 << 20;

    private readonly EnvelopeReader _envelopes = new(envelope);

    private byte[] _buffer = new byte[FirstBufferBytes];

    public LineReader(JsonLogSourceSettings settings)
        : this(LogFormats.CreateReader(settings), settings.Envelope, settings.MaxLineBytes)
    {
    }

    /// <summary>The time of lines that have none.</summary>
    public DateTimeOffset Now { get; set; }

    /// <summary>Reads until the end of the file or until the batch is full; a line without its newline stays in the file.</summary>
    /// <returns>False where the file was cut meanwhile: nothing of its new content was consumed.</returns>
    /// <exception cref="IOException">Reading failed; offset and batch agree all the same.</exception>
    public bool TryReadInto(TailedFile file, LogBatch batch)
    {
        var isWhole = TryRead(file, batch);
        while (format.TakeNote() is { } note)
        {
            batch.Notes.Add($"{file.Path}: {note}");
        }

        return isWhole;
    }

    private bool TryRead(TailedFile file, LogBatch batch)
    {
        while (!batch.IsFull)
        {
            var read = file.Read(_buffer, file.Offset);

            // After the read: bytes from a file that was cut and filled again must not be taken for a continuation.
            if (file.IsShorterThan(file.Offset + read) || !file.CheckHead())
            {
                return false;
            }

            file.IsEndOpen = false;

            if (read == 0)
            {
                return true;
            }

            var consumed = Consume(_buffer.AsSpan(0, read), file, batch);
            file.Offset += consumed;
            batch.Bytes += consumed;
            if (consumed > 0)
            {
                continue;
            }

            if (read < _buffer.Length)
            {
                file.IsEndOpen = true;
                return true;
            }

            if (_buffer[0] != 0)
            {
                Array.Resize(ref _buffer, (int)Math.Min(_buffer.Length * 2L, (long)maxLineBytes + 1));
            }
            else if (!TrySkipNuls(file, batch))
            {
                file.IsEndOpen = true;
                return true;
            }
        }

        return true;
    }

    /// <summary>What is to be parsed of a line.</summary>
    internal static ReadOnlySpan<byte> Content(ReadOnlySpan<byte> line) => (line.StartsWith("\uFEFF"u8) ? line[3..] : line).Trim(" \t\r"u8);

    /// <returns>How many bytes were dealt with; those after it wait for the rest of their line.</returns>
    private int Consume(ReadOnlySpan<byte> data, TailedFile file, LogBatch batch)
    {
        var position = 0;
        while (position < data.Length && !batch.IsFull)
        {
            var rest = data[position..];
            if (!file.SkipToNewline && rest[0] == 0)
            {
                // NULs up to the end are left alone: they may be space that is still to be written.
                var run = rest.IndexOfAnyExcept((byte)0);
                if (run < 0)
                {
                    break;
                }

                Skip(SkipReason.NulRun, file.Offset + position, file, batch);
                position += run;
                continue;
            }

            var newline = rest.IndexOf((byte)'\n');
            if (newline < 0)
            {
                if (!file.SkipToNewline && rest.Length <= maxLineBytes)
                {
                    break;
                }

                if (!file.SkipToNewline)
                {
                    Skip(SkipReason.Oversize, file.Offset + position, file, batch);
                    file.SkipToNewline = true;
                }

                return data.Length;
            }

            if (file.SkipToNewline)
            {
                file.SkipToNewline = false;
            }
            else if (newline > maxLineBytes)
            {
                Skip(SkipReason.Oversize, file.Offset + position, file, batch);
            }
            else
            {
                Take(rest[..newline], file.Offset + position, file, batch);
            }

            batch.Lines++;
            position += newline + 1;
        }

        return position;
    }

    private void Take(ReadOnlySpan<byte> line, long start, TailedFile file, LogBatch batch)
    {
        line = Content(line);
        if (line.IsEmpty)
        {
            return;
        }

        // Up to where the file was counted already, only unfinished lines are picked up again.
        var counts = file.IsCounted(start);
        if (!_envelopes.TryRead(line, out var record))
        {
            Skip(SkipReason.NoEnvelope, start, file, batch);
            return;
        }

        var lines = file.LinesOf(maxLineBytes);
        switch (lines.Take(record, start, out var whole))
        {
            case Assembled.Whole when counts && Content(whole) is { IsEmpty: false } text:
                Add(format.Read(text, new LineContext(record.Written, Now, file.Id.Inode)), start, file, batch);
                break;
            case Assembled.TooLong:
                Skip(SkipReason.Oversize, start, file, batch);
                break;
        }

        if (lines.WaitingFrom is { } from && start - from > MaxWaitingBytes)
        {
            for (var dropped = lines.DropBefore(start - MaxWaitingBytes); dropped > 0; dropped--)
            {
                Skip(SkipReason.Unfinished, start, file, batch);
            }
        }
    }

    private static void Add(in ParsedLine line, long start, TailedFile file, LogBatch batch)
    {
        switch (line.Verdict)
        {
            case LineVerdict.Request:
                batch.Requests.Add(line.Request);
                break;
            case LineVerdict.Gauges:
                batch.Gauges.Add(line.Gauges!);
                break;
            case LineVerdict.Other:
                batch.OtherLines++;
                break;
            default:
                batch.Skipped.Count(line.Reason, file.Path, start);
                break;
        }
    }

    private static void Skip(SkipReason reason, long start, TailedFile file, LogBatch batch)
    {
        if (file.IsCounted(start))
        {
            batch.Skipped.Count(reason, file.Path, start);
        }
    }

    /// <summary>A hole wider than the buffer: goes on to its end, if it has one.</summary>
    private bool TrySkipNuls(TailedFile file, LogBatch batch)
    {
        var offset = file.Offset;
        while (true)
        {
            var read = file.Read(_buffer, offset);
            var end = _buffer.AsSpan(0, read).IndexOfAnyExcept((byte)0);
            if (end >= 0)
            {
                Skip(SkipReason.NulRun, file.Offset, file, batch);
                file.Offset = offset + end;
                return true;
            }

            if (read < _buffer.Length)
            {
                return false;
            }

            offset += read;
        }
    }
}
