namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>Reads the whole lines that a file holds beyond its offset into a batch. Not thread safe.</summary>
internal sealed class LineReader(LogLineParser parser, int maxLineBytes)
{
    private const int FirstBufferBytes = 256 << 10;

    private byte[] buffer = new byte[FirstBufferBytes];

    /// <summary>Reads until the end of the file or until the batch is full; a line without its newline stays in the file.</summary>
    /// <returns>False where the file was cut meanwhile: nothing of its new content was consumed.</returns>
    /// <exception cref="IOException">Reading failed; offset and batch agree all the same.</exception>
    public bool TryReadInto(TailedFile file, LogBatch batch)
    {
        while (!batch.IsFull)
        {
            var read = Fill(file, file.Offset);

            // After the read: bytes from a file that was cut and filled again must not be taken for a continuation.
            if (NativeFile.Stat(file.Handle).Size < file.Offset + read || !file.CheckHead())
            {
                return false;
            }

            if (read == 0)
            {
                return true;
            }

            var consumed = Consume(buffer.AsSpan(0, read), file, batch);
            file.Offset += consumed;
            batch.Bytes += consumed;
            if (consumed > 0)
            {
                continue;
            }

            if (read < buffer.Length)
            {
                return true;
            }

            if (buffer[0] != 0)
            {
                Array.Resize(ref buffer, (int)Math.Min(buffer.Length * 2L, (long)maxLineBytes + 1));
            }
            else if (!TrySkipNuls(file, batch))
            {
                return true;
            }
        }

        return true;
    }

    /// <summary>What is to be parsed of a line.</summary>
    internal static ReadOnlySpan<byte> Content(ReadOnlySpan<byte> line) => (line.StartsWith("\uFEFF"u8) ? line[3..] : line).Trim(" \t\r"u8);

    private int Fill(TailedFile file, long offset)
    {
        var filled = 0;
        while (filled < buffer.Length)
        {
            var read = RandomAccess.Read(file.Handle, buffer.AsSpan(filled), offset + filled);
            if (read == 0)
            {
                break;
            }

            filled += read;
        }

        return filled;
    }

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

                batch.Skipped.Count(SkipReason.NulRun);
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
                    batch.Skipped.Count(SkipReason.Oversize);
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
                batch.Skipped.Count(SkipReason.Oversize);
            }
            else
            {
                Take(rest[..newline], batch);
            }

            batch.Lines++;
            position += newline + 1;
        }

        return position;
    }

    private void Take(ReadOnlySpan<byte> line, LogBatch batch)
    {
        line = Content(line);
        if (line.IsEmpty)
        {
            return;
        }

        if (parser.TryParse(line, out var request, out var reason))
        {
            batch.Requests.Add(request);
        }
        else
        {
            batch.Skipped.Count(reason);
        }
    }

    /// <summary>A hole wider than the buffer: goes on to its end, if it has one.</summary>
    private bool TrySkipNuls(TailedFile file, LogBatch batch)
    {
        var offset = file.Offset;
        while (true)
        {
            var read = Fill(file, offset);
            var end = buffer.AsSpan(0, read).IndexOfAnyExcept((byte)0);
            if (end >= 0)
            {
                batch.Skipped.Count(SkipReason.NulRun);
                file.Offset = offset + end;
                return true;
            }

            if (read < buffer.Length)
            {
                return false;
            }

            offset += read;
        }
    }
}
