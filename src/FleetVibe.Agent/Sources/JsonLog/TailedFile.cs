using Microsoft.Win32.SafeHandles;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>A log file that is held open, and how far it was consumed. Not thread safe.</summary>
internal sealed class TailedFile(SafeFileHandle handle, FileId id) : IDisposable
{
    public SafeFileHandle Handle { get; } = handle;

    public FileId Id { get; } = id;

    public HeadFingerprint Head { get; set; }

    /// <summary>After the last line consumed; inside a line only while <see cref="SkipToNewline"/> is set.</summary>
    public long Offset { get; set; }

    /// <summary>The rest of the present line is too long and is skipped.</summary>
    public bool SkipToNewline { get; set; }

    /// <summary>Size and time of the file when it was last read to its end; null before that.</summary>
    public (long Size, long Modified)? ReadToEnd { get; set; }

    /// <summary>Timestamp of the clock at which the file was last seen to change.</summary>
    public long ChangedAt { get; set; }

    /// <summary>Opens for reading beside any writer, and without standing in the way of a rotation.</summary>
    public static TailedFile Open(string path)
    {
        var handle = NativeFile.OpenForReading(path);
        try
        {
            return new TailedFile(handle, NativeFile.Stat(handle).Id);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Whether the file still begins as it did. Where it does, its head is then known as far as it goes.</summary>
    public bool CheckHead()
    {
        Span<byte> buffer = stackalloc byte[HeadFingerprint.MaxLength];
        var head = HeadFingerprint.ReadHead(Handle, Head.Length == HeadFingerprint.MaxLength ? buffer[..Head.Length] : buffer);
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

    /// <summary>The file was cut and begun anew.</summary>
    public void Restart()
    {
        Head = default;
        Offset = 0;
        SkipToNewline = false;
        ReadToEnd = null;
    }

    public void Dispose() => Handle.Dispose();
}
