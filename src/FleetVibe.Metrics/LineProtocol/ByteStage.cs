namespace FleetVibe.Metrics.LineProtocol;

/// <summary>A growing byte buffer that is reused from point to point.</summary>
internal struct ByteStage(int capacity)
{
    private byte[] _bytes = new byte[capacity];

    internal int Length { get; private set; }

    internal readonly ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    internal Span<byte> Reserve(int size)
    {
        if (_bytes.Length - Length < size)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + size));
        }

        return _bytes.AsSpan(Length);
    }

    internal void Advance(int count) => Length += count;

    internal void Add(byte value)
    {
        Reserve(1)[0] = value;
        Length++;
    }

    internal void Add(ReadOnlySpan<byte> value)
    {
        value.CopyTo(Reserve(value.Length));
        Length += value.Length;
    }

    internal void Truncate(int length) => Length = length;
}
