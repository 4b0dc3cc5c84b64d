using System.Buffers.Text;
using System.Text;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>
/// Whether a status means success: by default a missing one, the words and finish reasons of <see cref="SuccessWords"/> and
/// <see cref="LimitWords"/> in any case, gRPC 0 and the integers 100 to 399; all else is an error. A configured list takes
/// the place of all of these; its entry <c>missing</c> stands for no status.
/// </summary>
internal sealed class LogStatus
{
    // Texts that are told apart in what is named; a log with more of them has none that helps.
    private const int MaxNamed = 16;
    private const int MaxNameLength = 60;

    private static readonly byte[][] Limits = [.. LimitWords.Select(Encoding.UTF8.GetBytes)];
    private static readonly byte[][] DefaultWords = [.. SuccessWords.Concat(LimitWords).Select(Encoding.UTF8.GetBytes)];

    // Errors that nobody needs to be told of.
    private static readonly byte[][] Errors =
        [.. new[] { "error", "failed", "failure", "false", "abort", "aborted", "cancelled", "canceled", "timeout", "-" }.Select(Encoding.UTF8.GetBytes)];

    private readonly HashSet<string> _named = new(StringComparer.OrdinalIgnoreCase);
    private readonly Queue<string> _notes = new();
    private readonly byte[][] _words;
    private readonly bool _isByDefault;
    private readonly bool _missingSucceeds;

    // What services write, and the reasons with which OpenAI, Anthropic and their likes end an answer. One that a filter cut
    // short is a request that was served.
    internal static IReadOnlyList<string> SuccessWords =>
    [
        "success", "succeeded", "ok", "completed", "done", "true",
        "stop", "tool_calls", "function_call", "content_filter",
        "end_turn", "stop_sequence", "tool_use", "pause_turn", "refusal",
    ];

    /// <summary>Successes that a limit of tokens ended.</summary>
    internal static IReadOnlyList<string> LimitWords => ["length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"];

    public LogStatus(IReadOnlyList<string>? successStatus)
    {
        _isByDefault = successStatus is null;
        _words = successStatus is null ? DefaultWords : [.. successStatus.Select(Encoding.UTF8.GetBytes)];
        _missingSucceeds = successStatus is null || successStatus.Any(word => word.Length == 0 || word.Equals("missing", StringComparison.OrdinalIgnoreCase));
    }

    /// <param name="status">Unescaped, without quotes; empty where the line has none.</param>
    public RequestOutcome OutcomeOf(ReadOnlySpan<byte> status)
    {
        status = status.Trim(" \t"u8);
        if (status.IsEmpty)
        {
            return _missingSucceeds ? RequestOutcome.Success : RequestOutcome.Error;
        }

        foreach (var word in _words)
        {
            if (Ascii.EqualsIgnoreCase(status, word))
            {
                return IsOneOf(Limits, status) ? RequestOutcome.LengthLimited : RequestOutcome.Success;
            }
        }

        if (!_isByDefault)
        {
            return RequestOutcome.Error;
        }

        if (Utf8Parser.TryParse(status, out double value, out var used) && used == status.Length)
        {
            return double.IsInteger(value) && value is 0 or (>= 100 and <= 399) ? RequestOutcome.Success : RequestOutcome.Error;
        }

        if (_named.Count < MaxNamed && !IsOneOf(Errors, status))
        {
            Name(status);
        }

        return RequestOutcome.Error;
    }

    /// <summary>A text that counts as an error because it is not known, once; null where there is none that was not told.</summary>
    public string? TakeNote() => _notes.TryDequeue(out var note) ? note : null;

    private void Name(ReadOnlySpan<byte> status)
    {
        var text = SeriesInterner.Clean(status);
        text = text.Length > MaxNameLength ? $"{text[..MaxNameLength]}..." : text;
        if (_named.Add(text))
        {
            _notes.Enqueue($"the status \"{text}\" is not known and counts as an error; if it is none, list what means success in success_status");
        }
    }

    private static bool IsOneOf(byte[][] words, ReadOnlySpan<byte> status)
    {
        foreach (var word in words)
        {
            if (Ascii.EqualsIgnoreCase(status, word))
            {
                return true;
            }
        }

        return false;
    }
}
