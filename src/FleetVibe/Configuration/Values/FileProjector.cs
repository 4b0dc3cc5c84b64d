using FleetVibe.Configuration.Schema;
using FleetVibe.Configuration.Toml;

namespace FleetVibe.Configuration.Values;

/// <summary>Checks the shape of a file against the schema, key by key, and projects what has the right shape.</summary>
internal sealed class FileProjector
{
    private readonly Projection _projection = new();
    private readonly Findings _findings;

    private FileProjector(Findings findings) => _findings = findings;

    public static Projection Project(TomlTable root, Findings findings)
    {
        var projector = new FileProjector(findings);
        projector.Walk(root, ConfigurationSchema.Root, "", "");
        return projector._projection;
    }

    private void Walk(TomlTable table, SectionSpec section, string path, string shown)
    {
        _projection.Places[path] = table.Origin;
        foreach (var (name, entry) in table.Entries)
        {
            var inner = Projection.Join(path, name);
            var innerShown = shown.Length == 0 ? name : $"{shown}.{name}";
            if (section.Section(name) is { } known)
            {
                Enter(entry, known, inner, innerShown);
            }
            else if (section.Key(name) is { } key)
            {
                _projection.Places[inner] = entry.Key;
                Take(entry, key, inner, shown);
            }
            else
            {
                _findings.Error(entry.Key, UnknownText.For(name, section, shown, entry.Value is TomlTable or TomlTableList));
            }
        }
    }

    private void Enter(TomlEntry entry, SectionSpec section, string path, string shown)
    {
        switch (entry.Value)
        {
            case TomlTable table when !section.IsList:
                Walk(table, section, path, shown);
                break;
            case TomlTableList list when section.IsList:
                for (var i = 0; i < list.Tables.Count; i++)
                {
                    Walk(list.Tables[i], section, Projection.Join(path, $"{i}"), shown);
                }

                break;
            case TomlTable:
                _findings.Error(entry.Key, $"[{shown}] must be written with two brackets, [[{shown}]]: there can be several");
                break;
            case TomlTableList:
                _findings.Error(entry.Key, $"[[{shown}]] must be written with one bracket, [{shown}]: there is only one");
                break;
            case TomlList { Items.Count: 0 } when section.IsList:
                break;
            default:
                _findings.Error(entry.Key, $"{shown} is a section, not a key: write it as {(section.IsList ? $"[[{shown}]]" : $"[{shown}]")} with its keys below");
                break;
        }
    }

    private void Take(TomlEntry entry, KeySpec key, string path, string shown)
    {
        switch (key.Type.Shape, entry.Value)
        {
            case (KeyShape.Scalar, TomlScalar scalar):
                _projection.Add(path, scalar.Scalar);
                break;
            case (KeyShape.List, TomlList list) when list.Items.All(i => i is TomlScalar):
                for (var i = 0; i < list.Items.Count; i++)
                {
                    _projection.Add(Projection.Join(path, $"{i}"), ((TomlScalar)list.Items[i]).Scalar);
                }

                break;
            case (KeyShape.Map, TomlTable map) when map.Entries.Values.All(e => e.Value is TomlScalar):
                foreach (var (name, inner) in map.Entries)
                {
                    _projection.Add(Projection.Join(path, name), ((TomlScalar)inner.Value).Scalar);
                }

                break;
            case (KeyShape.List, TomlScalar scalar):
                _findings.Error(entry.Value.Origin, $"{key.Name} is a list: write it in brackets, {key.Name} = [{(key.Type.IsSecret ? "..." : scalar.Scalar.Quoted)}]");
                break;
            default:
                var section = shown.Length == 0 ? "" : $" in [{shown}]";
                _findings.Error(entry.Value.Origin, $"{key.Name}{section} must be {key.Type.Noun}, e.g. {key.Name} = {key.Type.Example}");
                break;
        }
    }
}
