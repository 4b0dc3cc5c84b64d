using System.Buffers;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>What stands at a path.</summary>
internal enum JsonFieldKind
{
    Text,

    /// <summary>A number, true, false or null.</summary>
    Word,

    /// <summary>An object or array; its content is not given.</summary>
    Container,
}

/// <summary>Takes what a <see cref="JsonFieldScanner"/> finds.</summary>
internal interface IJsonFieldSink
{
    /// <param name="field">As in the path tree.</param>
    /// <param name="raw">As in the document, without quotes and with escapes; at most <see cref="JsonFieldScanner.MaxCapture"/> bytes of it.</param>
    /// <param name="isWhole">False where it was longer.</param>
    void OnField(int field, JsonFieldKind kind, ReadOnlySpan<byte> raw, bool isWhole);

    /// <summary>One value of the sequence is complete.</summary>
    void OnValue();
}

/// <summary>
/// Picks a few fields out of a sequence of JSON values that arrives in any pieces, in bounded memory whatever the length
/// of texts and the depth. Elements of an array stand at the path of the array. It does not validate: what it does not
/// understand it skips, up to the next <see cref="Reset"/> or line. Not thread safe.
/// </summary>
internal sealed class JsonFieldScanner
{
    /// <summary>Longest part of a text or number that is kept, in bytes.</summary>
    public const int MaxCapture = 256;

    private const int MaxDepth = 16;
    private static readonly SearchValues<byte> WordEnds = SearchValues.Create(" \t\r\n,]}"u8);
    private static readonly SearchValues<byte> Structure = SearchValues.Create("\"{}[]"u8);

    private readonly JsonPathTree _paths;
    private readonly IJsonFieldSink _sink;
    private readonly byte[] _captured = new byte[MaxCapture];
    private readonly Level[] _levels = new Level[MaxDepth];
    private State _state = State.Value;
    private int _length;
    private bool _isWhole = true;
    private bool _isEscape;
    private int _depth;
    private int _skipDepth;

    // Of the value that is expected or being read; null where nothing below it is wanted.
    private JsonPathTree? _node;

    public JsonFieldScanner(JsonPathTree paths, IJsonFieldSink sink)
    {
        _paths = paths;
        _sink = sink;
        _node = paths;
    }

    private enum State : byte
    {
        Value,
        FirstElement,
        FirstKey,
        NextKey,
        Key,
        Colon,
        Text,
        Word,
        AfterValue,
        Skip,
        SkipText,
        Lost,
    }

    /// <summary>Whether it stands between two values.</summary>
    public bool IsBetweenValues => _state == State.Value && _depth == 0;

    /// <summary>Forgets a value that has begun.</summary>
    public void Reset()
    {
        _state = State.Value;
        _depth = _skipDepth = 0;
        _node = _paths;
        _isEscape = false;
    }

    /// <summary>No more comes: a number or word at the very end is complete.</summary>
    public void Complete()
    {
        if (_state == State.Word)
        {
            EndWord();
        }
    }

    public void Feed(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[Step(bytes)..];
        }
    }

    // Consumes at least one byte, but for the one that ends a word.
    private int Step(ReadOnlySpan<byte> bytes)
    {
        switch (_state)
        {
            case State.Key or State.Text:
                return ReadText(bytes);
            case State.Word:
                return ReadWord(bytes);
            case State.Skip:
                return Skip(bytes);
            case State.SkipText:
                return SkipText(bytes);
            case State.Lost:
                return FindLine(bytes);
            default:
                Take(bytes[0]);
                return 1;
        }
    }

    private void Take(byte next)
    {
        if (next is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
        {
            return;
        }

        switch (_state)
        {
            case State.FirstElement when next == ']':
                EndContainer();
                break;
            case State.Value or State.FirstElement:
                Begin(next);
                break;
            case State.FirstKey when next == '}':
                EndContainer();
                break;
            case State.FirstKey or State.NextKey when next == '"':
                BeginCapture(State.Key);
                break;
            case State.Colon when next == ':':
                _state = State.Value;
                break;
            case State.AfterValue when next == ',':
                _state = _levels[_depth - 1].IsArray ? State.Value : State.NextKey;
                _node = _levels[_depth - 1].Node;
                break;
            case State.AfterValue when next == (_levels[_depth - 1].IsArray ? ']' : '}'):
                EndContainer();
                break;
            default:
                _state = State.Lost;
                break;
        }
    }

    private void Begin(byte first)
    {
        switch (first)
        {
            case (byte)'{' or (byte)'[':
                if (_node?.Field is { } field)
                {
                    _sink.OnField(field, JsonFieldKind.Container, [], true);
                }

                Enter(first == '[');
                break;
            case (byte)'"':
                BeginCapture(State.Text);
                break;
            case (byte)'-' or (>= (byte)'0' and <= (byte)'9') or (>= (byte)'a' and <= (byte)'z'):
                BeginCapture(State.Word);
                Capture([first]);
                break;
            default:
                _state = State.Lost;
                break;
        }
    }

    private void Enter(bool isArray)
    {
        if (_node is null || _depth == MaxDepth)
        {
            _skipDepth = 1;
            _state = State.Skip;
            return;
        }

        _levels[_depth++] = new Level(_node, isArray);
        _state = isArray ? State.FirstElement : State.FirstKey;
    }

    private void EndContainer()
    {
        _depth--;
        EndValue();
    }

    private void EndValue()
    {
        _state = State.AfterValue;
        if (_depth == 0)
        {
            _state = State.Value;
            _node = _paths;
            _sink.OnValue();
        }
    }

    private void BeginCapture(State state)
    {
        _state = state;
        _length = 0;
        _isWhole = true;
    }

    private void Capture(ReadOnlySpan<byte> bytes)
    {
        var room = Math.Min(bytes.Length, MaxCapture - _length);
        bytes[..room].CopyTo(_captured.AsSpan(_length));
        _length += room;
        _isWhole &= room == bytes.Length;
    }

    private int ReadText(ReadOnlySpan<byte> bytes)
    {
        if (_isEscape)
        {
            _isEscape = false;
            Capture(bytes[..1]);
            return 1;
        }

        var end = bytes.IndexOfAny((byte)'"', (byte)'\\');
        Capture(end < 0 ? bytes : bytes[..end]);
        if (end < 0)
        {
            return bytes.Length;
        }

        if (bytes[end] == '\\')
        {
            Capture(bytes.Slice(end, 1));
            _isEscape = true;
        }
        else if (_state == State.Key)
        {
            _node = _isWhole ? _levels[_depth - 1].Node.Child(_captured.AsSpan(0, _length)) : null;
            _state = State.Colon;
        }
        else
        {
            Tell(JsonFieldKind.Text);
            EndValue();
        }

        return end + 1;
    }

    private int ReadWord(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOfAny(WordEnds);
        Capture(end < 0 ? bytes : bytes[..end]);
        if (end >= 0)
        {
            EndWord();
            return end;
        }

        return bytes.Length;
    }

    private void EndWord()
    {
        Tell(JsonFieldKind.Word);
        EndValue();
    }

    private void Tell(JsonFieldKind kind)
    {
        if (_node?.Field is { } field)
        {
            _sink.OnField(field, kind, _captured.AsSpan(0, _length), _isWhole);
        }
    }

    private int Skip(ReadOnlySpan<byte> bytes)
    {
        var at = bytes.IndexOfAny(Structure);
        if (at < 0)
        {
            return bytes.Length;
        }

        switch (bytes[at])
        {
            case (byte)'"':
                _state = State.SkipText;
                break;
            case (byte)'{' or (byte)'[':
                _skipDepth++;
                break;
            default:
                if (--_skipDepth == 0)
                {
                    EndValue();
                }

                break;
        }

        return at + 1;
    }

    private int SkipText(ReadOnlySpan<byte> bytes)
    {
        if (_isEscape)
        {
            _isEscape = false;
            return 1;
        }

        var at = bytes.IndexOfAny((byte)'"', (byte)'\\');
        if (at < 0)
        {
            return bytes.Length;
        }

        if (bytes[at] == '"')
        {
            _state = State.Skip;
        }
        else
        {
            _isEscape = true;
        }

        return at + 1;
    }

    private int FindLine(ReadOnlySpan<byte> bytes)
    {
        var at = bytes.IndexOf((byte)'\n');
        if (at < 0)
        {
            return bytes.Length;
        }

        Reset();
        return at + 1;
    }

    private readonly record struct Level(JsonPathTree Node, bool IsArray);
}
