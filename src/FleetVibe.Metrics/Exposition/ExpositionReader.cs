using System.Buffers;

namespace FleetVibe.Metrics.Exposition;

/// <summary>
/// Reads a Prometheus text or OpenMetrics exposition sample by sample on its bytes, without allocating. Lenient: a bad
/// line costs itself and is counted; families that were not asked for are passed over unparsed.
/// </summary>
public ref struct ExpositionReader
{
    private static readonly SearchValues<byte> NameBytes = SearchValues.Create(
        [.. "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:."u8, .. Enumerable.Range(0x80, 0x80).Select(b => (byte)b)]);

    private readonly FamilyFilter? _filter;
    private readonly int _keptSkippedLines;
    private ReadOnlySpan<byte> _rest;
    private ReadOnlySpan<byte> _labels;
    private SamplePart _partOfName;
    private bool _isNameInBraces;
    private int _lineEnd;
    private List<SkippedLine>? _skipped;

    /// <param name="body">UTF-8, decompressed; a byte order mark is passed over.</param>
    /// <param name="filter">Null reads every family; <see cref="FamilyId"/> is then <see cref="FamilyFilter.Unknown"/>.</param>
    /// <param name="format">What the media type says; null takes a body that ends in <c># EOF</c> for OpenMetrics.</param>
    /// <param name="keptSkippedLines">How many skipped lines are kept with their reasons; all are counted.</param>
    public ExpositionReader(ReadOnlySpan<byte> body, FamilyFilter? filter, ExpositionFormat? format = null, int keptSkippedLines = 5)
    {
        _keptSkippedLines = keptSkippedLines;
        _rest = body.StartsWith("\ufeff"u8) ? body[3..] : body;
        _filter = filter;
        Format = format ?? (body.TrimEnd(" \t\r\n"u8).EndsWith("# EOF"u8) ? ExpositionFormat.OpenMetrics : ExpositionFormat.Text);
        FamilyId = FamilyFilter.Unknown;
    }

    /// <summary>Grammar of the body.</summary>
    public ExpositionFormat Format { get; }

    /// <summary>Number of the sample's family in the filter.</summary>
    public int FamilyId { get; private set; }

    /// <summary>Without a filter only <see cref="SamplePart.Bucket"/> and <see cref="SamplePart.Quantile"/> are told from values, by their labels.</summary>
    public SamplePart Part { get; private set; }

    /// <summary>Name of the sample as it stands on the wire; one in quotes is still escaped (<see cref="LabelText.Unescape"/>).</summary>
    public ReadOnlySpan<byte> Name { get; private set; }

    /// <summary>May be infinite or not a number; a native histogram has none and gives no number.</summary>
    public double Value { get; private set; }

    /// <summary>The value as it stands on the wire.</summary>
    public ReadOnlySpan<byte> ValueText { get; private set; }

    /// <summary>The timestamp as it stands on the wire; empty where there is none.</summary>
    public ReadOnlySpan<byte> TimestampText { get; private set; }

    /// <summary>Upper bound of a bucket; of a quantile its level, 0 to 1.</summary>
    public double UpperBound { get; private set; }

    /// <summary>The source's own timestamp; null where it gives none.</summary>
    public long? TimestampMs { get; private set; }

    /// <summary>Raw bytes between the braces; equal bytes are the same series within one target.</summary>
    public readonly ReadOnlySpan<byte> Labels => _labels.IsEmpty ? _labels : _labels[..^1];

    /// <summary>Line of the sample, from 1; at the end the number of lines.</summary>
    public int LineNumber { get; private set; }

    /// <summary>Samples returned so far.</summary>
    public int Samples { get; private set; }

    /// <summary>Lines left out because they could not be read; those of families not asked for are not looked at.</summary>
    public int SkippedLines { get; private set; }

    /// <summary>The first few of the skipped lines.</summary>
    public readonly IReadOnlyList<SkippedLine> FirstSkipped => _skipped ?? (IReadOnlyList<SkippedLine>)[];

    /// <summary>Whether the last line was <c># EOF</c>. True only at the end of a complete OpenMetrics body.</summary>
    public bool SawEof { get; private set; }

    /// <summary>Whether an OpenMetrics body was cut off; ask at its end. Its values must then be discarded.</summary>
    public readonly bool IsTruncated => Format == ExpositionFormat.OpenMetrics && !SawEof;

    /// <summary>Goes to the next sample of a family that was asked for. False at the end.</summary>
    public bool Read()
    {
        while (!_rest.IsEmpty)
        {
            var line = TakeLine();
            if (line.IsEmpty)
            {
                continue;
            }

            if (line[0] == '#')
            {
                SawEof |= line.SequenceEqual("# EOF"u8);
                continue;
            }

            SawEof = false;
            if (!TryTakeName(ref line, out var name))
            {
                Skip("expected a metric name", line);
            }
            else if (IsWanted(name))
            {
                if (ReadSample(ref line) is { } reason)
                {
                    Skip(reason, line);
                    continue;
                }

                Samples++;
                return true;
            }
        }

        return false;
    }

    /// <summary>Raw value of a label, still escaped (<see cref="LabelText.Unescape"/>). False where the sample has none of that name.</summary>
    public readonly bool TryGetLabel(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> rawValue)
    {
        var rest = _labels;
        while (!rest.IsEmpty)
        {
            var step = LabelText.Next(ref rest, out var label, out rawValue);
            if (step == LabelText.Step.Label && label.SequenceEqual(name))
            {
                return true;
            }

            if (step == LabelText.Step.End)
            {
                break;
            }
        }

        rawValue = default;
        return false;
    }

    /// <summary>Text of a label; null where the sample has none of that name.</summary>
    public readonly string? GetLabel(ReadOnlySpan<byte> name) => TryGetLabel(name, out var raw) ? LabelText.Unescape(raw) : null;

    private ReadOnlySpan<byte> TakeLine()
    {
        LineNumber++;
        var end = _rest.IndexOf((byte)'\n');
        var line = end < 0 ? _rest : _rest[..end];
        _rest = end < 0 ? default : _rest[(end + 1)..];
        line = line.TrimEnd(" \t\r"u8);
        _lineEnd = line.Length;
        return line.TrimStart(" \t\r"u8);
    }

    private bool TryTakeName(scoped ref ReadOnlySpan<byte> line, out ReadOnlySpan<byte> name)
    {
        var length = line.IndexOfAnyExcept(NameBytes);
        name = length < 0 ? line : line[..length];
        if (!name.IsEmpty)
        {
            _isNameInBraces = false;
            line = line[name.Length..];
            return line is [] or [(byte)'{' or (byte)' ' or (byte)'\t', ..];
        }

        // {"a quoted name", ...}: the name is in the braces, mostly the first thing there.
        _isNameInBraces = line[0] == '{';
        if (!_isNameInBraces)
        {
            return false;
        }

        var inside = line[1..];
        LabelText.Step step;
        do
        {
            step = LabelText.Next(ref inside, out name, out _);
        }
        while (step == LabelText.Step.Label);

        return step == LabelText.Step.MetricName && !name.IsEmpty;
    }

    private bool IsWanted(ReadOnlySpan<byte> name)
    {
        if (_filter is null)
        {
            Name = name;
            return true;
        }

        // The lines of a histogram share a name: it is looked up once.
        if (!name.SequenceEqual(Name))
        {
            FamilyId = _filter.Find(name, out _partOfName);
            Name = name;
        }

        return FamilyId != FamilyFilter.Unknown;
    }

    // Null, or what is wrong; the line then begins where it is wrong.
    private string? ReadSample(scoped ref ReadOnlySpan<byte> line)
    {
        _labels = default;
        TimestampMs = null;
        TimestampText = default;
        UpperBound = 0;
        ReadOnlySpan<byte> bound = default, quantile = default;
        LabelText.SkipBlanks(ref line);
        if (line is [(byte)'{', ..] && !IsNativeHistogram(line))
        {
            var start = line[1..];
            line = start;
            var names = _isNameInBraces ? 0 : 1;
            LabelText.Step step;
            do
            {
                step = LabelText.Next(ref line, out var label, out var value);
                names += step == LabelText.Step.MetricName ? 1 : 0;
                if (step == LabelText.Step.Bad || names > 1)
                {
                    return "bad labels";
                }

                if (label.SequenceEqual("le"u8))
                {
                    bound = value;
                }
                else if (label.SequenceEqual("quantile"u8))
                {
                    quantile = value;
                }
            }
            while (step != LabelText.Step.End);

            _labels = start[..^line.Length];
        }

        return ReadValue(ref line) ?? ReadTimestamp(ref line) ?? SetPart(bound, quantile);
    }

    private static bool IsNativeHistogram(ReadOnlySpan<byte> text) => text.StartsWith("{count:"u8);

    private string? ReadValue(scoped ref ReadOnlySpan<byte> line)
    {
        LabelText.SkipBlanks(ref line);
        if (IsNativeHistogram(line) && line.IndexOf((byte)'}') is > 0 and var end)
        {
            ValueText = line[..(end + 1)];
            Value = double.NaN;
            line = line[ValueText.Length..];
            return null;
        }

        var rest = line;
        var token = TakeToken(ref rest);
        if (token.IsEmpty)
        {
            return "missing value";
        }

        if (!ExpositionNumber.TryParse(token, out var value))
        {
            return "invalid value";
        }

        line = rest;

        ValueText = token;
        Value = value;
        return null;
    }

    private string? ReadTimestamp(scoped ref ReadOnlySpan<byte> line)
    {
        LabelText.SkipBlanks(ref line);
        var rest = line;
        var token = TakeToken(ref rest);

        // What follows a # is an exemplar, which nobody reads.
        if (token is [] or [(byte)'#', ..])
        {
            return null;
        }

        if (!ExpositionNumber.TryParse(token, out var timestamp) || !double.IsFinite(timestamp))
        {
            return "invalid timestamp";
        }

        line = rest;
        TimestampText = token;

        // Beyond the range of milliseconds the sample is good and its timestamp of no use.
        timestamp = Math.Round(Format == ExpositionFormat.OpenMetrics ? timestamp * 1000 : timestamp);
        TimestampMs = Math.Abs(timestamp) < long.MaxValue ? (long)timestamp : null;
        return TakeToken(ref line) is [] or [(byte)'#', ..] ? null : "text after the sample";
    }

    private string? SetPart(ReadOnlySpan<byte> bound, ReadOnlySpan<byte> quantile)
    {
        if (ValueText is [(byte)'{', ..])
        {
            Part = SamplePart.NativeHistogram;
            return null;
        }

        Part = _filter is null && Name.EndsWith("_bucket"u8) && !bound.IsEmpty ? SamplePart.Bucket : _partOfName;
        if (Part == SamplePart.Bucket)
        {
            if (!ExpositionNumber.TryParse(bound, out var upper) || double.IsNaN(upper))
            {
                return bound.IsEmpty ? "bucket without le" : "invalid le";
            }

            UpperBound = upper;
        }
        else if (Part == SamplePart.Value && ExpositionNumber.TryParse(quantile, out var level) && level is >= 0 and <= 1)
        {
            Part = SamplePart.Quantile;
            UpperBound = level;
        }

        return null;
    }

    private static ReadOnlySpan<byte> TakeToken(scoped ref ReadOnlySpan<byte> line)
    {
        LabelText.SkipBlanks(ref line);
        var length = line.IndexOfAny((byte)' ', (byte)'\t');
        var token = length < 0 ? line : line[..length];
        line = line[token.Length..];
        return token;
    }

    private void Skip(string reason, ReadOnlySpan<byte> unread)
    {
        SkippedLines++;
        _skipped ??= [];
        if (_skipped.Count < _keptSkippedLines)
        {
            _skipped.Add(new SkippedLine(LineNumber, _lineEnd - unread.Length + 1, reason));
        }
    }
}
