using System.Globalization;
using System.Text;

namespace FleetVibe.Metrics.Exposition.Strict;

/// <summary>A sample line that keeps the grammar of its format.</summary>
internal sealed class StrictSample
{
    // Of names and values of an exemplar's labels together, in code points.
    private const int MaxExemplarLength = 128;

    public string Name { get; private set; } = "";

    public Dictionary<string, string> Labels { get; } = new(StringComparer.Ordinal);

    public double Value { get; private set; }

    public bool IsNativeHistogram { get; private set; }

    /// <summary>In the unit of the format; null where the line has none.</summary>
    public double? Timestamp { get; private set; }

    public bool HasExemplar { get; private set; }

    /// <returns>Null, or what is wrong with the line.</returns>
    public static string? Read(ReadOnlySpan<byte> line, ExpositionFormat format, out StrictSample sample)
    {
        sample = new StrictSample();
        var length = line.IndexOfAny("{ \t"u8);
        var bare = Encoding.UTF8.GetString(length < 0 ? line : line[..length]);
        var rest = length < 0 ? default : line[length..];
        if (bare.Length > 0 && !StrictNames.IsBareMetric(bare))
        {
            return $"invalid metric name \"{bare}\"";
        }

        if (format == ExpositionFormat.Text)
        {
            LabelText.SkipBlanks(ref rest);
        }

        var name = bare.Length > 0 ? bare : null;
        if (rest is [(byte)'{', ..] && StrictLabels.Read(ref rest, format, ref name, sample.Labels) is { } reason)
        {
            return reason;
        }

        if (name is null)
        {
            return "no metric name";
        }

        sample.Name = name;
        return format == ExpositionFormat.Text ? sample.ReadTextEnd(rest) : sample.ReadOpenMetricsEnd(rest);
    }

    private string? ReadTextEnd(ReadOnlySpan<byte> rest)
    {
        var value = TakeWord(ref rest);
        if (!TrySetValue(value))
        {
            return value.IsEmpty ? "no value" : "invalid value";
        }

        var timestamp = TakeWord(ref rest);
        if (!timestamp.IsEmpty)
        {
            if (timestamp[^1] == 0 || !long.TryParse(timestamp, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var milliseconds))
            {
                return "a timestamp that is no whole number of milliseconds";
            }

            Timestamp = milliseconds;
        }

        return TakeWord(ref rest).IsEmpty ? null : "text behind the timestamp";
    }

    private string? ReadOpenMetricsEnd(ReadOnlySpan<byte> rest)
    {
        if (rest is not [(byte)' ', not (byte)' ', ..])
        {
            return "not one space and a value behind the name";
        }

        rest = rest[1..];
        var composite = rest.StartsWith("{"u8) ? rest.IndexOf((byte)'}') + 1 : 0;
        var value = composite > 0 ? rest[..composite] : TakeUntilSpace(rest);
        if (!(composite > 0 ? IsNativeHistogramText(value) : TrySetValue(value)))
        {
            return "invalid value";
        }

        IsNativeHistogram = composite > 0;
        rest = rest[value.Length..];
        if (rest is [(byte)' ', not (byte)'#', ..])
        {
            var timestamp = TakeUntilSpace(rest[1..]);
            if (!TryReadSeconds(timestamp, out var seconds))
            {
                return "invalid timestamp";
            }

            Timestamp = seconds;
            rest = rest[(timestamp.Length + 1)..];
        }

        return rest.IsEmpty ? null : ReadExemplar(rest);
    }

    private string? ReadExemplar(ReadOnlySpan<byte> rest)
    {
        if (!rest.StartsWith(" # {"u8))
        {
            return "text behind the sample that is no exemplar";
        }

        HasExemplar = true;
        rest = rest[3..];
        string? name = "";
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        if (StrictLabels.Read(ref rest, ExpositionFormat.OpenMetrics, ref name, labels) is { } reason)
        {
            return $"in the exemplar: {reason}";
        }

        if (labels.Sum(l => Length(l.Key) + Length(l.Value)) > MaxExemplarLength)
        {
            return $"an exemplar with more than {MaxExemplarLength} characters of labels";
        }

        var value = rest.IsEmpty ? default : TakeUntilSpace(rest[1..]);
        if (rest is not [(byte)' ', ..] || !IsNumber(value, out _))
        {
            return "an exemplar without its value";
        }

        rest = rest[(value.Length + 1)..];
        return rest.IsEmpty || TryReadSeconds(rest[1..], out _) ? null : "an exemplar with an invalid timestamp";
    }

    private bool TrySetValue(ReadOnlySpan<byte> text)
    {
        var good = IsNumber(text, out var value);
        Value = value;
        return good;
    }

    /// <summary>Decimal numbers, infinities and NaN; no <c>nan(ind)</c>, which only one C runtime writes.</summary>
    internal static bool IsNumber(ReadOnlySpan<byte> text, out double value) =>
        ExpositionNumber.TryParse(text, out value) && !text.Contains((byte)'(');

    private static bool TryReadSeconds(ReadOnlySpan<byte> text, out double seconds) => IsNumber(text, out seconds) && double.IsFinite(seconds);

    private static bool IsNativeHistogramText(ReadOnlySpan<byte> text) =>
        text.StartsWith("{count:"u8) && text.IndexOf(",sum:"u8) > 0 && text.IndexOf(",schema:"u8) > 0;

    private static int Length(string text) => text.EnumerateRunes().Count();

    private static ReadOnlySpan<byte> TakeUntilSpace(ReadOnlySpan<byte> rest)
    {
        var length = rest.IndexOf((byte)' ');
        return length < 0 ? rest : rest[..length];
    }

    private static ReadOnlySpan<byte> TakeWord(scoped ref ReadOnlySpan<byte> rest)
    {
        LabelText.SkipBlanks(ref rest);
        var length = rest.IndexOfAny((byte)' ', (byte)'\t');
        var word = length < 0 ? rest : rest[..length];
        rest = rest[word.Length..];
        return word;
    }
}
