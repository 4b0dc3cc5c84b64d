namespace FleetVibe.Metrics.Exposition.Strict;

/// <summary>What lines of a text 0.0.4 exposition may not do to each other.</summary>
internal sealed class TextRules
{
    // The last is how Prometheus' own Go encoder writes a histogram that may fall.
    private static readonly HashSet<string> Types = ["counter", "gauge", "histogram", "summary", "untyped", "gauge_histogram"];

    private readonly Dictionary<string, Family> _families = new(StringComparer.Ordinal);

    public string? Metadata(MetadataLine line)
    {
        if (line.Kind is not (MetadataKind.Help or MetadataKind.Type) || (line.Name.Length == 0 && !line.IsQuoted))
        {
            return null;
        }

        if (line.IsQuoted ? line.Name.Length == 0 || line.HasOtherEscape : !StrictNames.IsBareMetric(line.Name))
        {
            return $"invalid metric name \"{line.Name}\" behind {(line.Kind == MetadataKind.Help ? "HELP" : "TYPE")}";
        }

        var family = FamilyOf(line.Name) ?? (_families[line.Name] = new Family());
        if (line.Kind == MetadataKind.Help)
        {
            // Without a text it says nothing, however often.
            var again = family.HasHelp && line.Text is { Length: > 0 };
            family.HasHelp |= line.Text is { Length: > 0 };
            return again ? $"a second HELP for {line.Name}" : null;
        }

        if (family.Type is not null || family.HasSamples)
        {
            return family.HasSamples ? $"TYPE of {line.Name} behind its samples" : $"a second TYPE for {line.Name}";
        }

        family.Type = line.Text?.TrimEnd(' ', '\t') ?? "";
        return Types.Contains(family.Type) ? null : $"unknown type \"{family.Type}\"";
    }

    public string? Sample(StrictSample sample)
    {
        var family = FamilyOf(sample.Name) ?? (_families[sample.Name] = new Family());
        family.HasSamples = true;
        return family.Type switch
        {
            "histogram" or "gauge_histogram" when sample.Name.EndsWith("_bucket", StringComparison.Ordinal) => Bound(sample, "le"),
            "summary" when sample.Labels.ContainsKey("quantile") => Bound(sample, "quantile"),
            _ => null,
        };
    }

    private static string? Bound(StrictSample sample, string label) =>
        !sample.Labels.TryGetValue(label, out var text) ? $"a bucket without {label}"
        : StrictSample.IsNumber(System.Text.Encoding.UTF8.GetBytes(text), out _) ? null
        : $"{label}=\"{text}\" is no number";

    private Family? FamilyOf(string name)
    {
        if (_families.TryGetValue(name, out var family))
        {
            return family;
        }

        var (suffix, alsoSummary) = name switch
        {
            _ when name.EndsWith("_bucket", StringComparison.Ordinal) => (7, false),
            _ when name.EndsWith("_count", StringComparison.Ordinal) => (6, true),
            _ when name.EndsWith("_sum", StringComparison.Ordinal) => (4, true),
            _ => (0, false),
        };
        return suffix > 0 && _families.TryGetValue(name[..^suffix], out var whole)
            && (whole.Type is "histogram" or "gauge_histogram" || (alsoSummary && whole.Type == "summary"))
            ? whole
            : null;
    }

    private sealed class Family
    {
        public string? Type { get; set; }

        public bool HasHelp { get; set; }

        public bool HasSamples { get; set; }
    }
}
