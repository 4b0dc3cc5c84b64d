namespace FleetVibe.Configuration.Toml;

/// <summary>Type of a scalar as it was written.</summary>
internal enum ScalarKind
{
    String,
    Integer,
    Float,
    Boolean,
    DateTime,

    /// <summary>The text of an environment variable, which may stand for any type.</summary>
    Variable,
}

/// <summary>A scalar with its place.</summary>
internal readonly record struct Scalar(ScalarKind Kind, string Text, Origin Origin)
{
    /// <summary>As TOML writes it.</summary>
    public string Quoted => Kind is ScalarKind.String or ScalarKind.Variable ? $"\"{Text}\"" : Text;

    public string TypeName => Kind switch
    {
        ScalarKind.Integer => "an integer",
        ScalarKind.Float => "a float",
        ScalarKind.Boolean => "a boolean",
        ScalarKind.DateTime => "a date",
        _ => "a string",
    };
}

internal abstract record TomlNode(Origin Origin);

internal sealed record TomlScalar(Scalar Scalar) : TomlNode(Scalar.Origin);

internal sealed record TomlList(Origin Origin, IReadOnlyList<TomlNode> Items) : TomlNode(Origin);

/// <summary>A table, in brackets, inline or by dotted keys.</summary>
internal sealed record TomlTable(Origin Origin) : TomlNode(Origin)
{
    public Dictionary<string, TomlEntry> Entries { get; } = new(StringComparer.Ordinal);
}

/// <summary>An array of tables.</summary>
internal sealed record TomlTableList(Origin Origin) : TomlNode(Origin)
{
    public List<TomlTable> Tables { get; } = [];
}

/// <summary>A key with its place and what it holds.</summary>
internal sealed record TomlEntry(Origin Key, TomlNode Value);
