using System.Buffers;
using System.Buffers.Text;
using System.Globalization;

namespace FleetVibe.Metrics.LineProtocol;

/// <summary>
/// Writes points as InfluxDB line protocol that both of Telegraf's parsers accept and read alike: tags sorted by the bytes
/// of their keys, no empty tag, no control character, no NaN. A point reaches the output whole, at
/// <see cref="EndPoint"/>, or not at all. Allocates nothing once its buffers have grown. Not thread safe.
/// </summary>
public sealed class LineProtocolWriter(IBufferWriter<byte> output)
{
    // The longest shortest-round-trip double has 24 characters, the longest integer with its suffix 21.
    private const int NumberRoom = 32;

    private ByteStage _names = new(256);
    private ByteStage _fields = new(512);
    private TagRange[] _tags = new TagRange[8];
    private int _tagCount;
    private int _measurementLength;

    /// <summary>Points written to the output.</summary>
    public long Points { get; private set; }

    /// <summary>Fields left out: NaN or infinite, or without a name.</summary>
    public long SkippedFields { get; private set; }

    /// <summary>Begins a point; one that was begun before and not ended is withdrawn.</summary>
    /// <param name="measurement">A leading <c>#</c> gets a <c>_</c> before it: the line would be a comment.</param>
    public void BeginPoint(ReadOnlySpan<char> measurement)
    {
        Withdraw();
        if (measurement is ['#', ..])
        {
            _names.Add((byte)'_');
        }

        LineProtocolText.AppendClean(measurement, LineProtocolText.Place.Measurement, ref _names);
        _measurementLength = _names.Length;
    }

    /// <summary>Adds a tag. An empty key or value is left out; of a key given twice the last value stands.</summary>
    public void Tag(ReadOnlySpan<char> key, ReadOnlySpan<char> value)
    {
        var start = _names.Length;
        var keyLength = LineProtocolText.AppendClean(key, LineProtocolText.Place.Tag, ref _names);
        var valueLength = LineProtocolText.AppendClean(value, LineProtocolText.Place.Tag, ref _names);
        if (keyLength == 0 || valueLength == 0)
        {
            _names.Truncate(start);
            return;
        }

        var tag = new TagRange(start, keyLength, valueLength);
        var at = _tagCount;
        while (at > 0)
        {
            var order = KeyOf(_tags[at - 1]).SequenceCompareTo(KeyOf(tag));
            if (order == 0)
            {
                _tags[at - 1] = tag;
                return;
            }

            if (order < 0)
            {
                break;
            }

            at--;
        }

        if (_tagCount == _tags.Length)
        {
            Array.Resize(ref _tags, _tags.Length * 2);
        }

        _tags.AsSpan(at, _tagCount - at).CopyTo(_tags.AsSpan(at + 1));
        _tags[at] = tag;
        _tagCount++;
    }

    /// <summary>Adds a float field, in the shortest form that reads back as the same double. NaN and infinities are skipped and counted.</summary>
    public void Field(ReadOnlySpan<char> key, double value)
    {
        if (!double.IsFinite(value))
        {
            SkippedFields++;
        }
        else if (BeginField(key))
        {
            value.TryFormat(_fields.Reserve(NumberRoom), out var written, default, CultureInfo.InvariantCulture);
            _fields.Advance(written);
        }
    }

    /// <summary>Adds an integer field (suffix <c>i</c>).</summary>
    public void Field(ReadOnlySpan<char> key, long value)
    {
        if (BeginField(key))
        {
            Utf8Formatter.TryFormat(value, _fields.Reserve(NumberRoom), out var written);
            _fields.Advance(written);
            _fields.Add((byte)'i');
        }
    }

    /// <summary>Adds a boolean field.</summary>
    public void Field(ReadOnlySpan<char> key, bool value)
    {
        if (BeginField(key))
        {
            _fields.Add(value ? "true"u8 : "false"u8);
        }
    }

    /// <summary>Adds a string field; a line break in it becomes a space, any other control character a <c>_</c>.</summary>
    public void Field(ReadOnlySpan<char> key, ReadOnlySpan<char> value)
    {
        if (BeginField(key))
        {
            _fields.Add((byte)'"');
            AppendEscaped(value, LineProtocolText.Place.StringValue, "\\\""u8);
            _fields.Add((byte)'"');
        }
    }

    /// <summary>Writes the point. False, and nothing written, where no field is left or the measurement is empty.</summary>
    /// <param name="timestampNs">Nanoseconds since 1970.</param>
    public bool EndPoint(long timestampNs)
    {
        if (_fields.Length == 0 || _measurementLength == 0)
        {
            Withdraw();
            return false;
        }

        var span = output.GetSpan(2 * _names.Length + 2 * _tagCount + _fields.Length + NumberRoom);
        var at = LineProtocolText.Escape(_names.Written[.._measurementLength], ", "u8, span);
        foreach (var tag in _tags.AsSpan(0, _tagCount))
        {
            span[at++] = (byte)',';
            at += LineProtocolText.Escape(KeyOf(tag), ",= "u8, span[at..]);
            span[at++] = (byte)'=';
            at += LineProtocolText.Escape(_names.Written.Slice(tag.Start + tag.KeyLength, tag.ValueLength), ",= "u8, span[at..]);
        }

        span[at++] = (byte)' ';
        _fields.Written.CopyTo(span[at..]);
        at += _fields.Length;
        span[at++] = (byte)' ';
        Utf8Formatter.TryFormat(timestampNs, span[at..], out var digits);
        at += digits;
        span[at++] = (byte)'\n';
        output.Advance(at);
        Points++;
        Withdraw();
        return true;
    }

    /// <summary>Drops the point that was begun, if any.</summary>
    public void Withdraw()
    {
        _names.Truncate(0);
        _fields.Truncate(0);
        _tagCount = 0;
        _measurementLength = 0;
    }

    private ReadOnlySpan<byte> KeyOf(TagRange tag) => _names.Written.Slice(tag.Start, tag.KeyLength);

    private bool BeginField(ReadOnlySpan<char> key)
    {
        var start = _fields.Length;
        if (start > 0)
        {
            _fields.Add((byte)',');
        }

        if (AppendEscaped(key, LineProtocolText.Place.FieldKey, ",= "u8) == 0)
        {
            _fields.Truncate(start);
            SkippedFields++;
            return false;
        }

        _fields.Add((byte)'=');
        return true;
    }

    // The names' buffer serves as scratch space.
    private int AppendEscaped(ReadOnlySpan<char> text, LineProtocolText.Place place, ReadOnlySpan<byte> special)
    {
        var start = _names.Length;
        var length = LineProtocolText.AppendClean(text, place, ref _names);
        _fields.Advance(LineProtocolText.Escape(_names.Written.Slice(start, length), special, _fields.Reserve(2 * length)));
        _names.Truncate(start);
        return length;
    }

    private readonly record struct TagRange(int Start, int KeyLength, int ValueLength);
}
