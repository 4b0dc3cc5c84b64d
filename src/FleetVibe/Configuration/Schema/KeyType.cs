using FleetVibe.Configuration.Toml;

namespace FleetVibe.Configuration.Schema;

internal enum KeyShape
{
    Scalar,
    List,
    Map,
}

/// <summary>What a value may be read against.</summary>
/// <param name="Folder">Relative paths start here: the folder of the configuration file.</param>
/// <param name="CheckFiles">False where files are on another machine.</param>
/// <param name="Variable">An environment variable by name, null where it is not set.</param>
internal sealed record ReadingContext(string Folder, bool CheckFiles, Func<string, string?> Variable);

/// <summary>A value, or why there is none; both can have a warning.</summary>
/// <param name="Problem">Ends the sentence that begins with the key and its value.</param>
/// <param name="IsSecret">Whether what was written must not be repeated.</param>
internal readonly record struct ParsedValue(object? Value, string? Problem = null, string? Warning = null, bool IsSecret = false)
{
    public static ParsedValue Bad(string problem, bool isSecret = false) => new(null, problem, IsSecret: isSecret);
}

/// <summary>Type of a key: what is taken, how it is read, how it is shown.</summary>
/// <param name="Noun">With its article and an example: <c>a duration such as "10s"</c>.</param>
/// <param name="Example">A valid value as TOML writes it; another than any default.</param>
internal abstract record KeyType(string Noun, string Example)
{
    public virtual KeyShape Shape => KeyShape.Scalar;

    /// <summary>Whether the value is hidden wherever it is printed.</summary>
    public virtual bool IsSecret => false;

    /// <summary>The valid values, where there are only a few.</summary>
    public virtual IReadOnlyList<string> Choices => [];

    public ParsedValue Read(Scalar scalar, ReadingContext context) =>
        scalar.Kind == ScalarKind.Variable || Takes(scalar.Kind)
            ? Parse(scalar.Text, context)
            : ParsedValue.Bad($"is {scalar.TypeName}, not {Noun}");

    /// <summary>A read value as TOML writes it, without secrets.</summary>
    public virtual string Show(object value) => $"\"{value}\"";

    protected virtual bool Takes(ScalarKind kind) => kind == ScalarKind.String;

    protected abstract ParsedValue Parse(string text, ReadingContext context);
}
