namespace FleetVibe.Configuration.Schema;

/// <summary>One key of a section: what drives validation, suggestions, <c>check</c> and the reference page.</summary>
/// <param name="Doc">One sentence, with units.</param>
internal sealed record KeySpec(string Name, KeyType Type, string Doc)
{
    /// <summary>As a user would write it, without quotes; null where there is none.</summary>
    public string? Default { get; init; }

    /// <summary>What stands in for a default that depends on something else.</summary>
    public string? DefaultNote { get; init; }

    public bool Required { get; init; }

    /// <summary>Whether a reload changes it; else it needs a restart.</summary>
    public bool Reloads { get; init; }

    /// <summary>The kinds of source, or the dialects, that read this key; empty means all.</summary>
    public IReadOnlyList<string> OnlyFor { get; init; } = [];
}

/// <summary>One section: <c>[name]</c>, or <c>[[name]]</c> where there can be several.</summary>
/// <param name="Name">Last part of its path.</param>
internal sealed record SectionSpec(string Name, string Doc)
{
    public bool IsList { get; init; }

    /// <summary>Whether a reload changes everything in it.</summary>
    public bool Reloads { get; init; }

    public IReadOnlyList<KeySpec> Keys { get; init; } = [];

    public IReadOnlyList<SectionSpec> Sections { get; init; } = [];

    public KeySpec? Key(string name) => Keys.FirstOrDefault(k => k.Name == name);

    public SectionSpec? Section(string name) => Sections.FirstOrDefault(s => s.Name == name);

    /// <summary>Every section with its dotted path, this one first.</summary>
    public IEnumerable<(string Path, SectionSpec Section)> Walk(string path = "")
    {
        yield return (path, this);
        foreach (var section in Sections)
        {
            foreach (var found in section.Walk(path.Length == 0 ? section.Name : $"{path}.{section.Name}"))
            {
                yield return found;
            }
        }
    }
}
