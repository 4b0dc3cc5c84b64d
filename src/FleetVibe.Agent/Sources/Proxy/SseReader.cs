namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>Takes the events that an <see cref="SseReader"/> finds.</summary>
internal interface ISseSink
{
    /// <summary>A further piece of the event's data; a line feed stands between two of its lines.</summary>
    void OnData(ReadOnlySpan<byte> piece);

    /// <summary>A line <c>error: ...</c>, as older llama.cpp servers send it.</summary>
    void OnErrorLine();

    /// <summary>The event that the pieces were of is complete.</summary>
    void OnEvent();
}

/// <summary>
/// Server-sent events (WHATWG HTML, 9.2.6) out of bytes that arrive in any pieces, without holding any of them. The last
/// event counts without the blank line behind it too. Not thread safe.
/// </summary>
internal sealed class SseReader(ISseSink sink)
{
    private const int LongestName = 5;

    private readonly byte[] _name = new byte[LongestName];
    private int _nameLength;
    private Place _place = Place.ByteOrderMark;
    private bool _isData;
    private bool _lastWasReturn;
    private bool _hasData;

    private enum Place : byte
    {
        ByteOrderMark,
        Name,
        Blank,
        Value,
    }

    public void Feed(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_place == Place.Value)
            {
                var end = bytes.IndexOfAny((byte)'\r', (byte)'\n');
                var piece = end < 0 ? bytes : bytes[..end];
                if (_isData && !piece.IsEmpty)
                {
                    sink.OnData(piece);
                }

                bytes = bytes[piece.Length..];
                if (bytes.IsEmpty)
                {
                    return;
                }
            }

            Take(bytes[0]);
            bytes = bytes[1..];
        }
    }

    public void Complete()
    {
        if (_hasData)
        {
            EndEvent();
        }
    }

    private void Take(byte next)
    {
        var wasReturn = _lastWasReturn;
        _lastWasReturn = next == '\r';
        if (next == '\n' && wasReturn)
        {
            return;
        }

        if (next is (byte)'\n' or (byte)'\r')
        {
            EndLine();
            return;
        }

        switch (_place)
        {
            case Place.ByteOrderMark when IsOfByteOrderMark(next):
                break;
            case Place.Blank when next == ' ':
                BeginValue();
                break;
            case Place.Blank:
                BeginValue();
                TakeValue(next);
                break;
            case Place.Value:
                TakeValue(next);
                break;
            case Place.Name or Place.ByteOrderMark when next == ':':
                _place = Place.Blank;
                break;
            default:
                TakeName(next);
                break;
        }
    }

    // The three bytes are dropped; they begin no name that is known.
    private bool IsOfByteOrderMark(byte next)
    {
        if (next is 0xEF or 0xBB or 0xBF)
        {
            return true;
        }

        _place = Place.Name;
        return false;
    }

    private void TakeName(byte next)
    {
        _place = Place.Name;
        if (_nameLength < LongestName)
        {
            _name[_nameLength] = next;
        }

        _nameLength++;
    }

    private void TakeValue(byte next)
    {
        if (_isData)
        {
            sink.OnData([next]);
        }
    }

    private void BeginValue()
    {
        _place = Place.Value;
        _isData = IsName("data"u8);
        if (_isData)
        {
            BeginData();
        }
        else if (IsName("error"u8))
        {
            sink.OnErrorLine();
        }
    }

    private void BeginData()
    {
        if (_hasData)
        {
            sink.OnData("\n"u8);
        }

        _hasData = true;
    }

    private void EndLine()
    {
        if (_place == Place.Name && _nameLength == 0)
        {
            if (_hasData)
            {
                EndEvent();
            }
        }
        else if (_place is Place.Name or Place.Blank && IsName("data"u8))
        {
            BeginData();
        }

        _place = Place.Name;
        _nameLength = 0;
        _isData = false;
    }

    private void EndEvent()
    {
        _hasData = false;
        sink.OnEvent();
    }

    private bool IsName(ReadOnlySpan<byte> name) => _nameLength == name.Length && _name.AsSpan(0, name.Length).SequenceEqual(name);
}
