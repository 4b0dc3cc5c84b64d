namespace FleetVibe.Agent.Sources.JsonLog.Envelopes;

/// <summary>What became of a record.</summary>
internal enum Assembled
{
    Whole,

    /// <summary>More is to come.</summary>
    Waiting,

    /// <summary>With this record the line became too long; its other records are swallowed.</summary>
    TooLong,

    /// <summary>A record of a line that was too long before.</summary>
    Swallowed,
}

/// <summary>
/// Joins the pieces of lines in one file, each stream for itself. What waits is bounded, and where its first piece stands is
/// known, so that a restart can read it again. Not thread safe.
/// </summary>
internal sealed class LineAssembler(int maxLineBytes)
{
    private const int KeptBytes = 64 * 1024;

    private readonly Waiting?[] _streams = new Waiting?[EnvelopeRecord.Streams];

    /// <summary>Offset of the first piece of the line that waits longest; null where none waits.</summary>
    public long? WaitingFrom
    {
        get
        {
            long? first = null;
            foreach (var stream in _streams)
            {
                first = stream is { IsOpen: true } ? Math.Min(first ?? long.MaxValue, stream.From) : first;
            }

            return first;
        }
    }

    /// <param name="from">Where the record begins in the file.</param>
    /// <param name="line">Valid until the next call.</param>
    public Assembled Take(in EnvelopeRecord record, long from, out ReadOnlySpan<byte> line)
    {
        line = record.Text;
        var stream = _streams[record.Stream];
        if (stream is not { IsOpen: true })
        {
            if (!record.IsPartial)
            {
                return Assembled.Whole;
            }

            stream = _streams[record.Stream] ??= new Waiting();
            stream.Open(from);
        }

        if (!record.IsPartial)
        {
            stream.IsOpen = false;
        }

        if (stream.IsTooLong)
        {
            return Assembled.Swallowed;
        }

        if (stream.Length + record.Text.Length > maxLineBytes)
        {
            stream.GiveUp();
            return Assembled.TooLong;
        }

        stream.Append(record.Text);
        if (record.IsPartial)
        {
            return Assembled.Waiting;
        }

        line = stream.Text;
        stream.Release();
        return Assembled.Whole;
    }

    /// <summary>Gives up lines whose first piece stands before an offset.</summary>
    /// <returns>How many; those too long were counted before.</returns>
    public int DropBefore(long offset)
    {
        var dropped = 0;
        foreach (var stream in _streams)
        {
            if (stream is { IsOpen: true } && stream.From < offset)
            {
                dropped += stream.IsTooLong ? 0 : 1;
                stream.IsOpen = false;
            }
        }

        return dropped;
    }

    private sealed class Waiting
    {
        private byte[] _text = [];

        public bool IsOpen { get; set; }

        public bool IsTooLong { get; private set; }

        public long From { get; private set; }

        public int Length { get; private set; }

        public ReadOnlySpan<byte> Text => _text.AsSpan(0, Length);

        public void Open(long from)
        {
            (IsOpen, IsTooLong, From, Length) = (true, false, from, 0);
        }

        public void Append(ReadOnlySpan<byte> more)
        {
            if (Length + more.Length > _text.Length)
            {
                Array.Resize(ref _text, Math.Max(1024, (Length + more.Length) * 2));
            }

            more.CopyTo(_text.AsSpan(Length));
            Length += more.Length;
        }

        public void GiveUp()
        {
            IsTooLong = true;
            _text = [];
        }

        // What was handed out stays alive without this field.
        public void Release() => _text = _text.Length > KeptBytes ? [] : _text;
    }
}
