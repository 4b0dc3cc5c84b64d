namespace FleetVibe.Metrics.Exposition.Strict;

/// <summary>
/// What lines of an OpenMetrics exposition may not do to each other: a family stands in one piece, its metadata first, its
/// metrics one after the other; names do not clash; values fit their type.
/// </summary>
internal sealed class OpenMetricsRules
{
    private static readonly Dictionary<string, string[]> SuffixesOfType = new(StringComparer.Ordinal)
    {
        ["counter"] = ["_total", "_created"],
        ["summary"] = ["", "_count", "_sum", "_created"],
        ["histogram"] = ["_count", "_sum", "_bucket", "_created"],
        ["gaugehistogram"] = ["_gcount", "_gsum", "_bucket"],
        ["info"] = ["_info"],
        ["gauge"] = [""],
        ["stateset"] = [""],
        ["unknown"] = [""],
    };

    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private Family? _family;

    public string? Metadata(MetadataLine line)
    {
        if (line.IsQuoted ? line.HasOtherEscape : !StrictNames.IsBareMetric(line.Name))
        {
            return $"invalid metric name \"{line.Name}\"";
        }

        if (_family?.Name != line.Name)
        {
            if (End() is { } reason)
            {
                return reason;
            }

            _family = new Family(line.Name);
        }
        else if (_family.Samples > 0)
        {
            return $"metadata of {line.Name} behind its samples";
        }

        var text = line.Text!;
        switch (line.Kind)
        {
            case MetadataKind.Help:
                (var again, _family.HasHelp) = (_family.HasHelp, true);
                return again ? $"a second HELP for {line.Name}" : null;
            case MetadataKind.Unit:
                (var unit, _family.Unit) = (_family.Unit, text);
                return unit is not null ? $"a second UNIT for {line.Name}" : null;
            default:
                (var type, _family.Type) = (_family.Type, text);
                return type is not null ? $"a second TYPE for {line.Name}"
                    : SuffixesOfType.ContainsKey(text) ? null : $"unknown type \"{text}\"";
        }
    }

    public string? Sample(StrictSample sample)
    {
        if (_family is null || SuffixOf(sample.Name, _family) is not { } suffix)
        {
            if (End() is { } reason)
            {
                return reason;
            }

            _family = new Family(sample.Name);
            suffix = "";
        }

        if (sample.IsNativeHistogram)
        {
            _family.Samples++;
            return _family.Type == "histogram" && suffix.Length == 0 ? null : "a native histogram outside of a histogram family";
        }

        return SampleRules.Fault(sample, suffix, _family.Type) ?? _family.Add(sample, suffix);
    }

    /// <summary>What is wrong with the family that ends here.</summary>
    public string? End()
    {
        if (_family is not { } family)
        {
            return null;
        }

        _family = null;
        foreach (var suffix in (family.Type is null ? [] : SuffixesOfType[family.Type]).Prepend("").Distinct())
        {
            if (!_names.Add(family.Name + suffix))
            {
                return $"{family.Name + suffix} clashes with a family before: a name is used once, and a family stands in one piece";
            }
        }

        if (family.Unit is { Length: > 0 } unit)
        {
            if (!family.Name.EndsWith('_' + unit, StringComparison.Ordinal))
            {
                return $"unit {unit} is no suffix of {family.Name}";
            }

            if (family.Type is "info" or "stateset")
            {
                return $"{family.Name}: a {family.Type} has no unit";
            }
        }

        return family.Buckets?.Fault() is { } fault ? $"{family.Name}: {fault}" : null;
    }

    private static string? SuffixOf(string sample, Family family)
    {
        if (!sample.StartsWith(family.Name, StringComparison.Ordinal))
        {
            return null;
        }

        var suffix = sample[family.Name.Length..];
        return (family.Type is null ? suffix.Length == 0 : SuffixesOfType[family.Type].Contains(suffix))
            || (suffix.Length == 0 && family.Type == "histogram") ? suffix : null;
    }

    private sealed class Family(string name)
    {
        private readonly HashSet<string> _groups = new(StringComparer.Ordinal);
        private string? _group;
        private double? _groupTimestamp;

        public string Name { get; } = name;

        public string? Type { get; set; }

        public string? Unit { get; set; }

        public bool HasHelp { get; set; }

        public int Samples { get; set; }

        public HistogramRules? Buckets { get; private set; }

        public string? Add(StrictSample sample, string suffix)
        {
            Samples++;
            var group = GroupOf(sample, suffix);
            if (_group is not null && group != _group && _groups.Contains(group))
            {
                return "the samples of one metric do not stand together";
            }

            if (group == _group)
            {
                if (sample.Timestamp is null != _groupTimestamp is null)
                {
                    return "one metric with and without timestamps";
                }

                if (_groupTimestamp > sample.Timestamp && Type != "info")
                {
                    return "a timestamp before the one above";
                }
            }

            (_group, _groupTimestamp) = (group, sample.Timestamp);
            _groups.Add(group);
            return Type is "histogram" or "gaugehistogram" ? (Buckets ??= new HistogramRules()).Add(sample, suffix, group) : null;
        }

        private string GroupOf(StrictSample sample, string suffix)
        {
            var own = Type switch
            {
                "info" => null,
                "summary" when suffix.Length == 0 => "quantile",
                "histogram" or "gaugehistogram" when suffix == "_bucket" => "le",
                "stateset" => Name,
                _ => "",
            };
            return own is null ? "" : string.Concat(sample.Labels.Where(l => l.Key != own).OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key}\0{l.Value}\0"));
        }
    }
}
