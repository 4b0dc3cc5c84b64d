using FleetVibe.Agent.Sources.JsonLog.Envelopes;
using Microsoft.Win32.SafeHandles;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>A log file that is held open, and how far it was consumed. Offsets are those of its content, which may be compressed. Not thread safe.</summary>
internal sealed class TailedFile : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly GzipContent? _compressed;
    private LineAssembler? _lines;
    private long _countedUpTo;

    private TailedFile(string path, SafeFileHandle handle)
    {
        Path = path;
        _handle = handle;
        Id = NativeFile.Stat(handle).Id;
        Span<byte> start = stackalloc byte[2];
        _compressed = RandomAccess.Read(handle, start, 0) == start.Length && GzipContent.IsGzip(start) ? new GzipContent(handle) : null;
    }

    public FileId Id { get; }

    /// <summary>Where it was opened; a rotation may have renamed it since.</summary>
    public string Path { get; }

    public bool IsCompressed => _compressed is not null;

    public HeadFingerprint Head { get; set; }

    /// <summary>After the last line consumed; inside a line only while <see cref="SkipToNewline"/> is set.</summary>
    public long Offset { get; set; }

    /// <summary>The rest of the present line is too long and is skipped.</summary>
    public bool SkipToNewline { get; set; }

    /// <summary>Behind the last whole line is something more.</summary>
    public bool IsEndOpen { get; set; }

    /// <summary>Size and time of the file when it was last read to its end; null before that.</summary>
    public (long Size, long Modified)? ReadToEnd { get; set; }

    /// <summary>Timestamp of the clock at which the file was last seen to change.</summary>
    public long ChangedAt { get; set; }

    /// <summary>A line that was begun will not be finished, where nothing more comes.</summary>
    public bool IsUnfinished => IsEndOpen || SkipToNewline || _lines?.WaitingFrom is not null;

    /// <summary>Where a later start goes on: everything before was counted, and what waits for its rest is read again.</summary>
    public LogCheckpoint.FilePosition Position
    {
        get
        {
            var counted = Math.Max(Offset, _countedUpTo);
            var resume = _lines?.WaitingFrom ?? Offset;
            return new(Id.Device, Id.Inode, Head.Length, Head.Hash, counted, SkipToNewline && resume == counted, resume == counted ? null : resume);
        }
    }

    /// <summary>Opens for reading beside any writer, and without standing in the way of a rotation.</summary>
    /// <exception cref="UnauthorizedAccessException">This process may not read the file.</exception>
    /// <exception cref="IOException">The file is not there or cannot be opened.</exception>
    public static TailedFile Open(string path)
    {
        var handle = NativeFile.OpenForReading(path);
        try
        {
            return new TailedFile(path, handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    public FileStat Stat() => NativeFile.Stat(_handle);

    /// <summary>Whether it was cut; what is compressed is never cut.</summary>
    public bool IsShorterThan(long length) => _compressed is null && Stat().Size < length;

    public void GoOnAt(LogCheckpoint.FilePosition position)
    {
        Offset = position.Resume ?? position.Offset;
        _countedUpTo = position.Offset;
        SkipToNewline = position.SkipToNewline;
    }

    /// <summary>Whether it is compressed and was read to an end that cannot be the end of its content.</summary>
    /// <exception cref="IOException">Reading failed.</exception>
    public bool IsDamagedArchive() => _compressed?.IsDamaged() ?? false;

    /// <summary>Whether a line that begins there was not counted before.</summary>
    public bool IsCounted(long start) => start >= _countedUpTo;

    public LineAssembler LinesOf(int maxLineBytes) => _lines ??= new LineAssembler(maxLineBytes);

    /// <summary>Fills the buffer as far as the content goes.</summary>
    /// <exception cref="IOException">Reading failed.</exception>
    public int Read(Span<byte> buffer, long offset)
    {
        if (_compressed is not null)
        {
            return _compressed.Read(buffer, offset);
        }

        var filled = 0;
        while (filled < buffer.Length)
        {
            var read = RandomAccess.Read(_handle, buffer[filled..], offset + filled);
            if (read == 0)
            {
                break;
            }

            filled += read;
        }

        return filled;
    }

    /// <summary>The first bytes of the content, as far as the buffer goes; nothing of an archive that is not yet whole enough to be told from others.</summary>
    public ReadOnlySpan<byte> ReadHead(Span<byte> buffer)
    {
        var read = Read(buffer, 0);
        return _compressed is null || read == buffer.Length || _compressed.EndsAt(read) ? buffer[..read] : default;
    }

    /// <summary>Whether the file still begins as it did. Where it does, its head is then known as far as it goes.</summary>
    public bool CheckHead()
    {
        // What is compressed does not change, and to look at its beginning is to begin anew.
        if (_compressed is not null && Head.Length > 0 && Offset > 0)
        {
            return true;
        }

        Span<byte> buffer = stackalloc byte[HeadFingerprint.MaxLength];
        var head = ReadHead(Head.Length == HeadFingerprint.MaxLength ? buffer[..Head.Length] : buffer);
        if (!Head.Matches(head))
        {
            return false;
        }

        if (head.Length > Head.Length)
        {
            Head = HeadFingerprint.Of(head);
        }

        return true;
    }

    /// <summary>The same for a file that may be unreadable: that shows when it is read.</summary>
    public void TryCheckHead()
    {
        try
        {
            CheckHead();
        }
        catch (IOException)
        {
            // Its head stays what it was.
        }
    }

    /// <summary>The file was cut and begun anew.</summary>
    public void Restart()
    {
        Head = default;
        Offset = _countedUpTo = 0;
        SkipToNewline = false;
        IsEndOpen = false;
        ReadToEnd = null;
        _lines = null;
    }

    public void Dispose()
    {
        _compressed?.Dispose();
        _handle.Dispose();
    }
}
