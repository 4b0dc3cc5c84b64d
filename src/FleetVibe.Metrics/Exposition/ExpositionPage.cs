using System.Globalization;
using System.Text;

namespace FleetVibe.Metrics.Exposition;

/// <summary>One sample, read whole.</summary>
/// <param name="Name">As it stands on the wire, unescaped.</param>
/// <param name="Labels">In the order of the line.</param>
/// <param name="Value">May be infinite or not a number.</param>
/// <param name="Timestamp">Seconds since 1970; null where the line has none.</param>
/// <param name="NativeHistogram">The text of a native histogram, which has no single value; else null.</param>
/// <param name="Line">From 1.</param>
public sealed record ExpositionSample(
    string Name, IReadOnlyList<KeyValuePair<string, string>> Labels, double Value, double? Timestamp, string? NativeHistogram, int Line);

/// <summary>The samples of one metric family, in the order of the page.</summary>
/// <param name="Name">As TYPE or HELP name it; of a family without either, the name of its sample.</param>
/// <param name="Type">The word of its TYPE line; <c>unknown</c> where there is none.</param>
public sealed record ExpositionFamily(string Name, string Type, IReadOnlyList<ExpositionSample> Samples);

/// <summary>
/// A whole exposition for a person to look at, read by <see cref="ExpositionReader"/>. It allocates for everything; what is
/// collected is read with the reader itself.
/// </summary>
public sealed class ExpositionPage
{
    private static readonly string[] Suffixes = ["_bucket", "_sum", "_count", "_total", "_created", "_info", "_gsum", "_gcount"];

    private readonly Dictionary<string, (string Name, string Type)> _declared = new(StringComparer.Ordinal);

    private ExpositionPage()
    {
    }

    public ExpositionFormat Format { get; private init; }

    /// <summary>In the order in which the page first names them; one without samples is empty.</summary>
    public IReadOnlyList<ExpositionFamily> Families { get; private set; } = [];

    public int Samples { get; private set; }

    /// <summary>Every line that was left out.</summary>
    public IReadOnlyList<SkippedLine> Skipped { get; private set; } = [];

    /// <summary>An OpenMetrics body without its end: an agent discards its values.</summary>
    public bool IsTruncated { get; private set; }

    /// <param name="format">Null takes what looks like OpenMetrics for it.</param>
    public static ExpositionPage Read(ReadOnlySpan<byte> body, ExpositionFormat? format = null)
    {
        var reader = new ExpositionReader(body, null, format, keptSkippedLines: int.MaxValue);
        var page = new ExpositionPage { Format = reader.Format };
        var samples = new Dictionary<string, List<ExpositionSample>>(StringComparer.Ordinal);
        page.ReadMetadata(body, samples);
        while (reader.Read())
        {
            var sample = SampleOf(ref reader);
            var family = page.FamilyOf(sample.Name);
            if (!samples.TryGetValue(family, out var list))
            {
                samples[family] = list = [];
            }

            list.Add(sample);
        }

        page.Families = [.. samples.Select(f => new ExpositionFamily(f.Key, page._declared.TryGetValue(f.Key, out var known) ? known.Type : "unknown", f.Value))];
        page.Samples = reader.Samples;
        page.Skipped = reader.FirstSkipped;
        page.IsTruncated = reader.IsTruncated;
        return page;
    }

    private static ExpositionSample SampleOf(ref ExpositionReader reader)
    {
        var seconds = reader.TimestampText.IsEmpty ? (double?)null
            : double.Parse(reader.TimestampText, NumberStyles.Float, CultureInfo.InvariantCulture) / (reader.Format == ExpositionFormat.OpenMetrics ? 1 : 1000);
        return new ExpositionSample(
            LabelText.Unescape(reader.Name),
            LabelText.Pairs(reader.Labels),
            reader.Value,
            seconds,
            reader.Part == SamplePart.NativeHistogram ? Encoding.UTF8.GetString(reader.ValueText) : null,
            reader.LineNumber);
    }

    private void ReadMetadata(ReadOnlySpan<byte> body, Dictionary<string, List<ExpositionSample>> samples)
    {
        foreach (var range in body.Split((byte)'\n'))
        {
            var line = body[range].Trim(" \t\r"u8);
            if (line is [(byte)'#', ..] && MetadataLine.Read(line) is { Kind: not MetadataKind.Comment, Name.Length: > 0 } read)
            {
                var type = read.Kind == MetadataKind.Type && read.Text is { Length: > 0 } word ? word
                    : _declared.TryGetValue(read.Name, out var known) ? known.Type : "unknown";
                _declared[read.Name] = (read.Name, type);

                // Some servers keep the colon in the TYPE line only.
                _declared.TryAdd(Folded(read.Name), (read.Name, type));
                if (read.Kind == MetadataKind.Type)
                {
                    samples.TryAdd(read.Name, []);
                }
            }
        }
    }

    private string FamilyOf(string sample)
    {
        if (Declared(sample) is { } whole)
        {
            return whole;
        }

        foreach (var suffix in Suffixes)
        {
            if (sample.EndsWith(suffix, StringComparison.Ordinal) && Declared(sample[..^suffix.Length]) is { } family)
            {
                return family;
            }
        }

        return sample;
    }

    private string? Declared(string name) => _declared.TryGetValue(name, out var known) ? known.Name : null;

    private static string Folded(string name) => name.Replace(':', '_');
}
