namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>
/// Measures one answer while its bytes pass, in any pieces and in bounded memory. It reads the fields of OpenAI's chat and
/// text completions, of Ollama's <c>/api/generate</c> and <c>/api/chat</c> and of llama.cpp's <c>/completion</c>, whichever
/// are there. It has no clock: times are given with the bytes. Not thread safe.
/// </summary>
internal sealed class AnswerMeter : IJsonFieldSink, ISseSink
{
    private static readonly JsonPathTree Paths = JsonPathTree.Of(
        ("model", (int)Field.Model),
        ("error", (int)Field.Error),
        ("usage.prompt_tokens", (int)Field.UsagePrompt),
        ("usage.completion_tokens", (int)Field.UsageCompletion),
        ("choices.finish_reason", (int)Field.Reason),
        ("choices.text", (int)Field.Content),
        ("choices.delta.content", (int)Field.Content),
        ("choices.delta.reasoning_content", (int)Field.Content),
        ("choices.delta.reasoning", (int)Field.Content),
        ("choices.delta.refusal", (int)Field.Content),
        ("choices.delta.tool_calls", (int)Field.Content),
        ("choices.delta.function_call", (int)Field.Content),
        ("message.content", (int)Field.Content),
        ("message.thinking", (int)Field.Content),
        ("message.tool_calls", (int)Field.Content),
        ("response", (int)Field.Content),
        ("thinking", (int)Field.Content),
        ("done", (int)Field.Done),
        ("done_reason", (int)Field.Reason),
        ("prompt_eval_count", (int)Field.OllamaPrompt),
        ("eval_count", (int)Field.OllamaOutput),
        ("content", (int)Field.Content),
        ("stop", (int)Field.Done),
        ("stop_type", (int)Field.Reason),
        ("stopped_limit", (int)Field.StoppedAtLimit),
        ("tokens_evaluated", (int)Field.LlamaPrompt),
        ("tokens_predicted", (int)Field.LlamaOutput),
        ("timings.prompt_n", (int)Field.TimedPrompt),
        ("timings.cache_n", (int)Field.TimedCached),
        ("timings.predicted_n", (int)Field.TimedOutput));

    private readonly AnswerFraming _framing;
    private readonly JsonFieldScanner _scanner;
    private readonly SseReader _events;
    private readonly long?[] _tokens = new long?[(int)Field.TimedOutput + 1];
    private readonly byte[] _head = new byte[Sentinel.Length];
    private int _headLength;
    private long _now;
    private bool _hasContent;

    public AnswerMeter(AnswerFraming framing)
    {
        _framing = framing;
        _scanner = new JsonFieldScanner(Paths, this);
        _events = new SseReader(this);
    }

    // In the order of trust: the first of a kind that is there is taken.
    private enum Field
    {
        Model,
        Error,
        Reason,
        Content,
        Done,
        StoppedAtLimit,
        UsagePrompt,
        UsageCompletion,
        OllamaPrompt,
        OllamaOutput,
        LlamaPrompt,
        LlamaOutput,
        TimedPrompt,
        TimedCached,
        TimedOutput,
    }

    /// <summary>The model that the answer names; null where it names none.</summary>
    public string? Model { get; private set; }

    /// <summary>Timestamp of the first piece with content; null where nothing is streamed, or nothing came.</summary>
    public long? FirstContent { get; private set; }

    /// <summary>Timestamp of the last piece with content.</summary>
    public long LastContent { get; private set; }

    /// <summary>Streamed values that had content: about one a token, fewer where an engine sends several in one.</summary>
    public long ContentPieces { get; private set; }

    /// <summary>The answer says that it failed.</summary>
    public bool IsError { get; private set; }

    /// <summary>The answer says that it is complete: what happens to the connection after that changes nothing.</summary>
    public bool IsFinished { get; private set; }

    /// <summary>The answer was cut off at the token limit.</summary>
    public bool IsLengthLimited { get; private set; }

    /// <summary>Tokens of the prompt, 0 where the answer does not say.</summary>
    public long InputTokens =>
        this[Field.UsagePrompt] ?? this[Field.OllamaPrompt] ?? this[Field.LlamaPrompt] ?? ((this[Field.TimedPrompt] ?? 0) + (this[Field.TimedCached] ?? 0));

    /// <summary>Tokens of the answer as the engine counted them; else the pieces with content, which is a lower bound.</summary>
    public long OutputTokens =>
        this[Field.UsageCompletion] ?? this[Field.OllamaOutput] ?? this[Field.LlamaOutput] ?? this[Field.TimedOutput] ?? ContentPieces;

    private static ReadOnlySpan<byte> Sentinel => "[DONE]"u8;

    private long? this[Field field] => _tokens[(int)field];

    /// <param name="bytes">The next piece of the body.</param>
    /// <param name="timestamp">When it arrived; the unit is the caller's.</param>
    public void Feed(ReadOnlySpan<byte> bytes, long timestamp)
    {
        _now = timestamp;
        if (_framing == AnswerFraming.Events)
        {
            _events.Feed(bytes);
        }
        else if (_framing != AnswerFraming.Opaque)
        {
            _scanner.Feed(bytes);
        }
    }

    /// <summary>The body is complete, or no more of it will come.</summary>
    public void Complete()
    {
        _events.Complete();
        _scanner.Complete();
    }

    void ISseSink.OnData(ReadOnlySpan<byte> piece)
    {
        var room = Math.Min(piece.Length, _head.Length - _headLength);
        piece[..room].CopyTo(_head.AsSpan(_headLength));
        _headLength += room;
        _scanner.Feed(piece);
    }

    void ISseSink.OnErrorLine() => IsError = true;

    void ISseSink.OnEvent()
    {
        IsFinished |= _head.AsSpan(0, _headLength).SequenceEqual(Sentinel);
        _headLength = 0;
        _scanner.Complete();
        if (!_scanner.IsBetweenValues)
        {
            _scanner.Reset();
            _hasContent = false;
        }
    }

    void IJsonFieldSink.OnField(int field, JsonFieldKind kind, ReadOnlySpan<byte> raw, bool isWhole)
    {
        switch ((Field)field)
        {
            case Field.Model:
                Model ??= JsonField.Text(kind, raw, isWhole);
                break;
            case Field.Error:
                IsError |= JsonField.IsPresent(kind, raw);
                break;
            case Field.Content:
                _hasContent |= JsonField.IsPresent(kind, raw);
                break;
            case Field.Reason:
                TakeReason(JsonField.Text(kind, raw, isWhole));
                break;
            case Field.Done:
                IsFinished |= JsonField.IsTrue(kind, raw);
                break;
            case Field.StoppedAtLimit:
                IsLengthLimited |= JsonField.IsTrue(kind, raw);
                break;
            default:
                _tokens[field] = JsonField.Tokens(kind, raw) ?? _tokens[field];
                break;
        }
    }

    void IJsonFieldSink.OnValue()
    {
        if (_hasContent && _framing != AnswerFraming.Whole)
        {
            FirstContent ??= _now;
            LastContent = _now;
            ContentPieces++;
        }

        IsFinished |= _framing == AnswerFraming.Whole;
        _hasContent = false;
    }

    private void TakeReason(string? reason)
    {
        // While llama.cpp generates, its stop_type is none.
        if (string.IsNullOrEmpty(reason) || reason == "none")
        {
            return;
        }

        IsFinished = true;
        IsLengthLimited |= reason is "length" or "limit" or "max_tokens" or "model_length";
        IsError |= reason is "abort" or "error";
    }
}
