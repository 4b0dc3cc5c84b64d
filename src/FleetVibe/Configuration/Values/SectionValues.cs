using FleetVibe.Configuration.Schema;

namespace FleetVibe.Configuration.Values;

/// <summary>A value in force.</summary>
/// <param name="Origin">Null where it is the default.</param>
/// <param name="Why">Why it is neither what was written nor the default.</param>
internal sealed record KeyValue(KeySpec Key, object Value, Origin? Origin, string? Why = null);

/// <summary>One section as it is in force: every value read, checked and typed.</summary>
internal sealed class SectionValues
{
    private readonly Dictionary<string, KeyValue> _values = [];
    private readonly HashSet<string> _written = [];

    /// <param name="path">As a user writes it: <c>agent.sources</c>.</param>
    public SectionValues(string path, SectionSpec spec, Origin origin)
    {
        Path = path;
        Spec = spec;
        Origin = origin;
    }

    public string Path { get; }

    public SectionSpec Spec { get; }

    /// <summary>Where the section begins.</summary>
    public Origin Origin { get; }

    /// <summary>In brackets, one or two.</summary>
    public string Header => Spec.IsList ? $"[[{Path}]]" : $"[{Path}]";

    /// <summary>In the order of the schema, without what this kind of source or this dialect does not read.</summary>
    public IEnumerable<KeyValue> All => Spec.Keys.Where(k => _values.ContainsKey(k.Name) && IsRead(k)).Select(k => _values[k.Name]);

    /// <summary>The value of a key, or null where it has none.</summary>
    public KeyValue? Get(string key) => _values.GetValueOrDefault(key);

    /// <summary>Whether the user wrote the key, even if what was written is wrong.</summary>
    public bool IsWritten(string key) => _written.Contains(key);

    /// <summary>Those of the keys that the user wrote.</summary>
    public IReadOnlyList<string> Written(params string[] keys) => [.. keys.Where(_written.Contains)];

    /// <summary>Those of the keys that the user did not write.</summary>
    public IReadOnlyList<string> NotWritten(params string[] keys) => [.. keys.Where(key => !_written.Contains(key))];

    public Origin OriginOf(string key) => _values.TryGetValue(key, out var value) && value.Origin is { } origin ? origin : Origin;

    /// <summary>The value, or its type's null where there is none.</summary>
    public T? Find<T>(string key) => Spec.Key(key) is null
        ? throw new ArgumentException($"the schema has no key {key} in [{Path}]", nameof(key))
        : _values.TryGetValue(key, out var value) ? (T)value.Value : default;

    /// <summary>The items of a list, empty where it is not written.</summary>
    public IReadOnlyList<T> List<T>(string key) => [.. (Find<IReadOnlyList<object>>(key) ?? []).Cast<T>()];

    /// <summary>The entries of a table of texts.</summary>
    public IReadOnlyDictionary<string, string> Map(string key) =>
        (Find<IReadOnlyDictionary<string, object>>(key) ?? new Dictionary<string, object>()).ToDictionary(p => p.Key, p => (string)p.Value, StringComparer.OrdinalIgnoreCase);

    /// <summary>What stands in for a default where other sections decide.</summary>
    public void Override(string key, object value, string why) => Set(new KeyValue(Spec.Key(key)!, value, null, why));

    public void Set(KeyValue value) => _values[value.Key.Name] = value;

    public void MarkWritten(string key) => _written.Add(key);

    private bool IsRead(KeySpec key) =>
        key.OnlyFor.Count == 0 || (Spec.Keys.FirstOrDefault(k => k.Name is "kind" or "dialect") is { } variety && key.OnlyFor.Contains(Find<string>(variety.Name)));
}
