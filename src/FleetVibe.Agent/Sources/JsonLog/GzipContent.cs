using System.Buffers.Binary;
using System.IO.Compression;
using Microsoft.Win32.SafeHandles;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>
/// What a gzip file holds, read by offsets in it. Reading on is cheap, and so is going back as far as the last read; further
/// back begins anew. A file that is still being written, or is damaged, ends where it can be read no further. Not thread safe.
/// </summary>
internal sealed class GzipContent(SafeFileHandle handle) : IDisposable
{
    private const int TrailerBytes = 4;

    // Magic and method of a member; several may stand one behind the other, and each has a trailer of its own.
    private static readonly byte[] MemberStart = [0x1F, 0x8B, 0x08];

    private GZipStream? _stream;
    private byte[] _last = [];
    private int _lastLength;
    private long _position;

    /// <summary>The last read ended before the file's content does.</summary>
    public bool IsCut { get; private set; }

    public static bool IsGzip(ReadOnlySpan<byte> start) => start.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]);

    public int Read(Span<byte> buffer, long offset)
    {
        if (_stream is null || offset < _position - _lastLength)
        {
            Begin();
        }

        var filled = 0;
        if (offset < _position)
        {
            var again = _last.AsSpan(_lastLength - (int)(_position - offset), (int)(_position - offset));
            filled = Math.Min(again.Length, buffer.Length);
            again[..filled].CopyTo(buffer);
            if (filled < again.Length)
            {
                return filled;
            }
        }

        if (offset > _position && !TrySkipTo(offset))
        {
            return 0;
        }

        for (int read; filled < buffer.Length && (read = ReadOn(buffer[filled..])) > 0;)
        {
            filled += read;
            _position += read;
        }

        Remember(buffer[..filled]);
        return filled;
    }

    /// <summary>Whether so many bytes are all that there is, by the length that stands at the file's end.</summary>
    public bool EndsAt(long length)
    {
        Span<byte> trailer = stackalloc byte[TrailerBytes];
        var size = RandomAccess.GetLength(handle);
        return !IsCut && size > TrailerBytes && RandomAccess.Read(handle, trailer, size - TrailerBytes) == TrailerBytes
            && BinaryPrimitives.ReadUInt32LittleEndian(trailer) == unchecked((uint)length);
    }

    /// <summary>Whether the end to which it was read cannot be the end of its content. The platform reads a file that was cut as if it ended there.</summary>
    public bool IsDamaged()
    {
        if (_stream is null)
        {
            return false;
        }

        var scratch = new byte[64 * 1024];
        Remember([]);
        for (int read; (read = ReadOn(scratch)) > 0;)
        {
            _position += read;
        }

        return IsCut || (!EndsAt(_position) && !HasFurtherMember());
    }

    public void Dispose() => _stream?.Dispose();

    private bool HasFurtherMember()
    {
        var buffer = new byte[64 * 1024];
        var from = 1L;
        for (int read; (read = RandomAccess.Read(handle, buffer, from)) >= MemberStart.Length; from += read - MemberStart.Length + 1)
        {
            if (buffer.AsSpan(0, read).IndexOf(MemberStart) >= 0)
            {
                return true;
            }
        }

        return false;
    }

    private void Begin()
    {
        _stream?.Dispose();
        _stream = new GZipStream(new HandleStream(handle), CompressionMode.Decompress);
        (_position, _lastLength, IsCut) = (0, 0, false);
    }

    private bool TrySkipTo(long offset)
    {
        Remember([]);
        var scratch = new byte[64 * 1024];
        while (_position < offset)
        {
            var read = ReadOn(scratch.AsSpan(0, (int)Math.Min(scratch.Length, offset - _position)));
            if (read == 0)
            {
                return false;
            }

            _position += read;
        }

        return true;
    }

    private int ReadOn(Span<byte> buffer)
    {
        try
        {
            return IsCut ? 0 : _stream!.Read(buffer);
        }
        catch (InvalidDataException)
        {
            IsCut = true;
            return 0;
        }
    }

    private void Remember(ReadOnlySpan<byte> read)
    {
        if (_last.Length < read.Length)
        {
            _last = new byte[read.Length];
        }

        read.CopyTo(_last);
        _lastLength = read.Length;
    }

    /// <summary>Reads a handle from its beginning, and does not own it.</summary>
    private sealed class HandleStream(SafeFileHandle handle) : Stream
    {
        private long _position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => _position;
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            var read = RandomAccess.Read(handle, buffer, _position);
            _position += read;
            return read;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
