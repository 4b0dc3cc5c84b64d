using System.Globalization;
using FleetVibe.Configuration.Schema;
using FleetVibe.Configuration.Toml;

namespace FleetVibe.Configuration.Values;

/// <summary>Reads sections out of the layers as the schema says, and reports every value that is wrong.</summary>
internal sealed class SectionReader(LayeredSettings settings, ReadingContext context, Findings findings)
{
    public Findings Findings => findings;

    public ReadingContext Context => context;

    /// <summary>Whether the file or a variable has the section.</summary>
    public bool Has(string path) => settings.Has(path.Replace('.', ':'));

    /// <summary>One section; where it is not written, with its defaults.</summary>
    /// <param name="path">With dots, as a user writes it.</param>
    public SectionValues Read(string path, Origin otherwise)
    {
        var key = path.Replace('.', ':');
        return Read(path, key, Spec(path), settings.PlaceOf(key, otherwise));
    }

    /// <summary>Every section of an array of tables, in order.</summary>
    public IReadOnlyList<(SectionValues Values, int Index)> ReadList(string path, Origin otherwise)
    {
        var key = path.Replace('.', ':');
        List<(SectionValues, int)> read = [];
        for (var i = 0; settings.Has($"{key}:{i.ToString(CultureInfo.InvariantCulture)}"); i++)
        {
            var item = $"{key}:{i.ToString(CultureInfo.InvariantCulture)}";
            read.Add((Read(path, item, Spec(path), settings.PlaceOf(item, otherwise)), i));
        }

        foreach (var child in settings.Configuration.GetSection(key).GetChildren())
        {
            if (int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index >= read.Count)
            {
                findings.Error(settings.PlaceOf(child.Path, otherwise), $"there are only {read.Count} [[{path}]], so number {index} cannot be changed or added: the next one is {read.Count}");
            }
        }

        return read;
    }

    /// <summary>A section within one item of an array of tables.</summary>
    public SectionValues ReadInner(string list, int index, string name, Origin otherwise)
    {
        var key = $"{list.Replace('.', ':')}:{index.ToString(CultureInfo.InvariantCulture)}:{name}";
        return Read($"{list}.{name}", key, Spec($"{list}.{name}"), settings.PlaceOf(key, otherwise));
    }

    private static SectionSpec Spec(string path) => ConfigurationSchema.Root.Walk().First(s => s.Path == path).Section;

    private SectionValues Read(string path, string configurationPath, SectionSpec spec, Origin origin)
    {
        var values = new SectionValues(path, spec, origin);
        foreach (var key in spec.Keys)
        {
            var at = $"{configurationPath}:{key.Name}";
            var written = settings.Has(at);
            if (written)
            {
                values.MarkWritten(key.Name);
            }

            var value = key.Type.Shape switch
            {
                KeyShape.List => ReadItems(key, at),
                KeyShape.Map => ReadEntries(key, at),
                _ => settings.Find(at) is { } scalar ? ReadScalar(key, key.Type, scalar, key.Name) : null,
            };
            if (value is not null)
            {
                values.Set(new KeyValue(key, value, settings.Find(at)?.Origin ?? settings.PlaceOf(at, origin)));
            }
            else if (!written && key.Default is not null)
            {
                values.Set(new KeyValue(key, Default(key), null));
            }
            else if (!written && key.Required && key.OnlyFor.Count == 0)
            {
                findings.Missing(origin, $"{values.Header} needs {key.Name}, e.g. {key.Name} = {key.Type.Example}");
            }
        }

        return values;
    }

    private object Default(KeySpec key) => key.Type.Read(new Scalar(ScalarKind.Variable, key.Default!, default), context with { CheckFiles = false }).Value
        ?? throw new FormatException($"the default of {key.Name} is no valid value: {key.Default}");

    private object? ReadScalar(KeySpec key, KeyType type, Scalar scalar, string name)
    {
        var parsed = type.Read(scalar, context);
        if (parsed.Problem is not null)
        {
            var shown = key.Type.IsSecret || parsed.IsSecret ? name : $"{name} = {scalar.Quoted}";
            findings.Error(scalar.Origin, $"{shown} {parsed.Problem}");
        }
        else if (parsed.Warning is not null)
        {
            findings.Warning(scalar.Origin, $"{name} {parsed.Warning}");
        }

        return parsed.Value;
    }

    private List<object>? ReadItems(KeySpec key, string path)
    {
        var item = ((ListType)key.Type).Item;
        if (settings.Find(path) is { } joined)
        {
            var split = joined.Text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            return [.. split.Select(text => ReadScalar(key, item, joined with { Text = text }, key.Name)).OfType<object>()];
        }

        var children = settings.Configuration.GetSection(path).GetChildren().OrderBy(c => int.Parse(c.Key, CultureInfo.InvariantCulture)).ToList();
        return children.Count == 0
            ? null
            : [.. children.Select(c => ReadScalar(key, item, settings.Find(c.Path)!.Value, key.Name)).OfType<object>()];
    }

    private Dictionary<string, object>? ReadEntries(KeySpec key, string path)
    {
        var map = (MapType)key.Type;
        Dictionary<string, object> entries = [];
        foreach (var child in settings.Configuration.GetSection(path).GetChildren())
        {
            var scalar = settings.Find(child.Path)!.Value;
            if (map.KnownKeys.Count > 0 && !map.KnownKeys.Contains(child.Key, StringComparer.Ordinal))
            {
                var nearest = Suggestions.Nearest(child.Key, map.KnownKeys);
                findings.Error(scalar.Origin, $"unknown name \"{child.Key}\" in {key.Name}: {(nearest is null ? $"valid are {string.Join(", ", map.KnownKeys)}" : $"did you mean \"{nearest}\"?")}");
            }
            else if (ReadScalar(key, map.Item, scalar, $"{key.Name}.{child.Key}") is { } value)
            {
                entries[child.Key] = value;
            }
        }

        return entries.Count == 0 ? null : entries;
    }
}
