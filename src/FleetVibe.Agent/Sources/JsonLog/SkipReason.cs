namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>Why a line of the log brought no request. Each is counted; none is silent.</summary>
internal enum SkipReason
{
    /// <summary>Not one whole JSON object on one line; a literal NaN or Infinity is no JSON.</summary>
    NotJson,

    /// <summary>No timestamp, or one in none of <see cref="LogTimestamp.KnownForms"/>.</summary>
    BadTimestamp,

    /// <summary>Negative, not finite or no number.</summary>
    BadDuration,

    /// <summary>Time to first token negative, not finite or no number.</summary>
    BadTtft,

    /// <summary>A token count negative, too large, not finite or no number.</summary>
    BadTokens,

    /// <summary>Neither the configuration nor the line names a model.</summary>
    ModelMissing,

    /// <summary>Longer than the longest line allowed.</summary>
    Oversize,

    /// <summary>A run of NULs that a writer left behind after its file was truncated.</summary>
    NulRun,

    /// <summary>The last line of a file that was rotated away was never finished, or the pieces of a line stand too far apart.</summary>
    Unfinished,

    /// <summary>Not in the configured container runtime's envelope.</summary>
    NoEnvelope,

    /// <summary>A compressed file that is damaged, or ends before its content does.</summary>
    DamagedArchive,
}

/// <summary>How often each reason occurred, and where first. Not thread safe.</summary>
internal sealed class SkipCounts
{
    private readonly long[] _counts = new long[Enum.GetValues<SkipReason>().Length];
    private readonly string?[] _places = new string?[Enum.GetValues<SkipReason>().Length];

    public long Total => _counts.Sum();

    public long this[SkipReason reason] => _counts[(int)reason];

    public void Count(SkipReason reason) => _counts[(int)reason]++;

    /// <param name="file">Its path.</param>
    /// <param name="offset">Where the line begins in the file's content.</param>
    public void Count(SkipReason reason, string file, long offset)
    {
        _counts[(int)reason]++;
        _places[(int)reason] ??= $"{Path.GetFileName(file)} at byte {offset}";
    }

    /// <summary>Of each reason how often and where first, e.g. <c>12 not_json (the first in app.log at byte 240)</c>.</summary>
    public string ToTextWithPlaces() => Join(reason => _places[(int)reason] is { } place ? $" (the first in {place})" : "");

    public void Add(SkipCounts other)
    {
        for (var i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
            _places[i] ??= other._places[i];
        }
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Array.Clear(_places);
    }

    /// <summary>E.g. <c>12 not_json, 1 bad_duration</c>, the most frequent first; empty where nothing was skipped.</summary>
    public override string ToString() => Join(_ => "");

    /// <summary>What a reason means for a log of some settings.</summary>
    internal static string Explain(SkipReason reason, JsonLogSourceSettings settings)
    {
        var fields = settings.AllFields;
        return $"{NameOf(reason)}: " + reason switch
        {
            SkipReason.NotJson => "not one whole JSON object",
            SkipReason.BadTimestamp => $"no `{fields.Timestamp}`, or in none of the known forms: {LogTimestamp.KnownForms}",
            SkipReason.BadDuration => $"`{Named(fields.Duration, fields.Start)}` gives a duration that is negative, not finite or no number",
            SkipReason.BadTtft => $"`{Named(fields.Ttft, fields.FirstToken)}` gives a time to first token that is negative, not finite or no number",
            SkipReason.BadTokens => $"`{fields.InputTokens}` or `{fields.OutputTokens}` is negative, above {LogLineParser.MaxTokens:0}, not finite or no number",
            SkipReason.ModelMissing => "no model",
            SkipReason.Oversize => $"longer than {settings.MaxLineBytes} bytes",
            SkipReason.NulRun => "a run of NULs, as a writer leaves behind whose file was truncated",
            SkipReason.Unfinished => "never finished",
            SkipReason.NoEnvelope => $"not in the envelope that is configured ({settings.Envelope})",
            SkipReason.DamagedArchive => "a compressed file that is damaged or cut",
            _ => throw new ArgumentOutOfRangeException(nameof(reason)),
        };
    }

    internal static string NameOf(SkipReason reason) => reason switch
    {
        SkipReason.NotJson => "not_json",
        SkipReason.BadTimestamp => "bad_timestamp",
        SkipReason.BadDuration => "bad_duration",
        SkipReason.BadTtft => "bad_ttft",
        SkipReason.BadTokens => "bad_tokens",
        SkipReason.ModelMissing => "model_missing",
        SkipReason.Oversize => "oversize",
        SkipReason.NulRun => "nul_run",
        SkipReason.Unfinished => "unfinished",
        SkipReason.NoEnvelope => "no_envelope",
        SkipReason.DamagedArchive => "damaged_archive",
        _ => throw new ArgumentOutOfRangeException(nameof(reason)),
    };

    private string Join(Func<SkipReason, string> place) => string.Join(
        ", ",
        Enum.GetValues<SkipReason>()
            .Where(reason => this[reason] > 0)
            .OrderByDescending(reason => this[reason])
            .Select(reason => $"{this[reason]} {NameOf(reason)}{place(reason)}"));

    private static string? Named(string? first, string? second) => string.IsNullOrEmpty(first) ? second : first;
}
