using System.Globalization;
using FleetVibe.Configuration.Schema;
using FleetVibe.Configuration.Toml;

namespace FleetVibe.Configuration.Values;

/// <summary>
/// Environment variables over the file: <c>FLEETVIBE__gateway__telegraf__url</c> is key url of [gateway.telegraf],
/// <c>FLEETVIBE__agent__sources__0__model</c> that of the first source. A list is separated by commas.
/// </summary>
internal static class VariableProjector
{
    public const string Prefix = "FLEETVIBE__";

    public static Projection Project(IEnumerable<KeyValuePair<string, string>> variables, Findings findings)
    {
        var projection = new Projection();
        foreach (var (name, value) in variables.OrderBy(v => v.Key, StringComparer.Ordinal))
        {
            if (name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            {
                Take(name, name[Prefix.Length..].Split("__"), value, projection, findings);
            }
        }

        return projection;
    }

    private static void Take(string variable, string[] parts, string value, Projection projection, Findings findings)
    {
        var origin = Origin.OfVariable(variable);
        var (section, path, shown) = (ConfigurationSchema.Root, "", "");
        for (var i = 0; i < parts.Length; i++)
        {
            var name = parts[i].ToLowerInvariant();
            if (section.Key(name) is { } key)
            {
                TakeKey(parts[(i + 1)..], key, Projection.Join(path, name), new Scalar(ScalarKind.Variable, value, origin), projection, findings);
                return;
            }

            if (section.Section(name) is not { } known)
            {
                findings.Error(origin, UnknownText.For(parts[i], section, shown, isSection: i < parts.Length - 1));
                return;
            }

            (section, path, shown) = (known, Projection.Join(path, name), shown.Length == 0 ? name : $"{shown}.{name}");
            if (known.IsList)
            {
                if (++i == parts.Length || !int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out var index))
                {
                    findings.Error(origin, $"[[{shown}]] needs a number, from 0, after it: {string.Join("__", parts[..i])}__0__...");
                    return;
                }

                path = Projection.Join(path, index.ToString(CultureInfo.InvariantCulture));
            }

            projection.Places.TryAdd(path, origin);
        }

        findings.Error(origin, $"[{shown}] is a section: the name of the variable must go on with __ and a key, one of {string.Join(", ", section.Keys.Select(k => k.Name))}");
    }

    private static void TakeKey(string[] rest, KeySpec key, string path, Scalar scalar, Projection projection, Findings findings)
    {
        switch (key.Type.Shape, rest.Length)
        {
            case (_, 0) when key.Type.Shape != KeyShape.Map:
            case (KeyShape.List, 1) when int.TryParse(rest[0], NumberStyles.None, CultureInfo.InvariantCulture, out _):
            case (KeyShape.Map, 1):
                projection.Places[path] = scalar.Origin;
                projection.Add(rest.Length == 0 ? path : Projection.Join(path, rest[0]), scalar);
                break;
            default:
                findings.Error(scalar.Origin, $"{key.Name} is {key.Type.Noun}: {(key.Type.Shape == KeyShape.Map ? "the name of the variable must go on with __ and a name" : "nothing can follow it in the name of the variable")}");
                break;
        }
    }
}
