using FleetVibe.Configuration.Schema;

namespace FleetVibe.Configuration.Values;

/// <summary>What to say of a name that is not known where it stands.</summary>
internal static class UnknownText
{
    public static string For(string name, SectionSpec section, string shown, bool isSection)
    {
        var what = isSection ? $"unknown section [{(shown.Length == 0 ? name : $"{shown}.{name}")}]"
            : shown.Length == 0 ? $"unknown key \"{name}\" outside of any section"
            : $"unknown key \"{name}\" in [{shown}]";
        return $"{what}: {Cure(name, section)}";
    }

    // https://github.com/influxdata/telegraf/blob/master/docs/CONFIGURATION.md, what every input has.
    private static readonly string[] OfTelegraf =
    [
        "alias", "precision", "time_source", "collection_jitter", "collection_offset", "name_override", "name_prefix", "name_suffix", "log_level", "startup_error_behavior", "tags",
        "namepass", "namedrop", "fieldinclude", "fieldexclude", "fieldpass", "fielddrop", "tagpass", "tagdrop", "taginclude", "tagexclude", "metricpass",
    ];

    private static string Cure(string name, SectionSpec section)
    {
        if (section == SourceSchema.VibeThinkerInput && OfTelegraf.Contains(name))
        {
            return "it is for Telegraf itself, so write it in the [[inputs.execd]] that starts fleetvibe";
        }

        var here = section.Keys.Select(k => k.Name).Concat(section.Sections.Select(s => s.Name)).ToList();
        if (Suggestions.Nearest(name, here) is { } nearest)
        {
            return $"did you mean \"{nearest}\"?";
        }

        var elsewhere = ConfigurationSchema.Root.Walk()
            .Where(s => s.Section.Key(name) is not null || (s.Section.Section(name) is not null && s.Path.Length > 0))
            .Select(s => s.Section.IsList ? $"[[{s.Path}]]" : $"[{s.Path}]")
            .ToList();
        return elsewhere.Count > 0 ? $"it belongs into {string.Join(" or ", elsewhere)}" : $"valid here are {string.Join(", ", here)}";
    }
}
