using FleetVibe.Configuration.Toml;
using Microsoft.Extensions.Configuration;

namespace FleetVibe.Configuration.Values;

/// <summary>One layer of settings as IConfiguration has them: flat keys, each with the scalar it came from.</summary>
internal sealed class Projection
{
    private readonly Dictionary<string, Scalar> _scalars = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Where each section and key was written.</summary>
    public Dictionary<string, Origin> Places { get; } = new(StringComparer.OrdinalIgnoreCase);

    public IReadOnlyDictionary<string, Scalar> Scalars => _scalars;

    public void Add(string path, Scalar scalar) => _scalars[path] = scalar;

    public static string Join(string path, string name) => path.Length == 0 ? name : ConfigurationPath.Combine(path, name);
}

/// <summary>The layers on top of each other, and of every effective value the scalar that it came from.</summary>
internal sealed class LayeredSettings
{
    private readonly Projection _file;
    private readonly Projection _variables;

    public LayeredSettings(Projection file, Projection variables)
    {
        _file = file;
        _variables = variables;
        Configuration = new ConfigurationBuilder().AddInMemoryCollection(Texts(file)).AddInMemoryCollection(Texts(variables)).Build();
    }

    public IConfigurationRoot Configuration { get; }

    /// <summary>What stands at a key in the end, with its place.</summary>
    public Scalar? Find(string path) =>
        Configuration[path] is not { } text ? null
        : _variables.Scalars.TryGetValue(path, out var variable) ? variable with { Text = text }
        : _file.Scalars.TryGetValue(path, out var written) ? written
        : null;

    /// <summary>Where a section was opened or a key was written.</summary>
    public Origin PlaceOf(string path, Origin otherwise) =>
        _file.Places.TryGetValue(path, out var place) || _variables.Places.TryGetValue(path, out place) ? place : otherwise;

    public bool Has(string path) => Configuration.GetSection(path).Exists() || _file.Places.ContainsKey(path) || _variables.Places.ContainsKey(path);

    private static IEnumerable<KeyValuePair<string, string?>> Texts(Projection layer) =>
        layer.Scalars.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value.Text));
}
