using System.Text;
using FleetVibe.Configuration.Schema;
using FleetVibe.Configuration.Values;

namespace FleetVibe.Configuration;

/// <summary>The reference page, docs/configuration.md, out of the schema; a test holds that the page is this text.</summary>
internal static class ReferenceText
{
    public static string Markdown()
    {
        var text = new StringBuilder();
        text.Append($"""
            # Configuration

            One TOML file a process. The roles of a process are the sections that are there: `[agent]` or any `[[agent.sources]]`, `[aggregator]`, `[gateway]`.
            `fleetvibe check --config FILE` shows every setting in force and where it came from, and every mistake at once with line, column and cure.

            - **Durations** are texts: `"250ms"`, `"10s"`, `"2m"`, `"72h"`, `"30d"`; a bare number is seconds. **Sizes** are `"1GiB"` (KiB, MiB, GiB, TiB) or a number of bytes.
            - **Paths** that are relative start at the folder of the file.
            - **Environment variables** override the file: `{VariableProjector.Prefix}gateway__telegraf__url` is `url` of `[gateway.telegraf]`, `{VariableProjector.Prefix}agent__sources__0__model` is `model` of the first source. Lists are separated by commas.
            - **Secrets** stand in files (`token_file`, read at every use) or in the environment (`token = "${"{NAME}"}"`); in clear text only with a warning. They are never shown.
            - **A change of the file** is taken over while the process runs, by `run` and by `execd`; by `run` at SIGHUP too. What is marked with ↻ changes at once; of all else the old value stays until a restart, and the log says which. A file with an error changes nothing.
            - **`insecure = true`** allows what is refused otherwise, and warns at every start.

            """);
        foreach (var (path, section) in ConfigurationSchema.Root.Walk().Where(s => s.Path.Length > 0))
        {
            text.Append('\n').Append("## `").Append(section.IsList ? $"[[{path}]]" : $"[{path}]").Append("`\n\n").Append(section.Doc).Append(section.Reloads ? " ↻" : "").Append('\n');
            if (section.Keys.Count > 0)
            {
                text.Append("\n| key | for example | default | meaning |\n|---|---|---|---|\n");
                foreach (var key in section.Keys)
                {
                    text.Append($"| `{key.Name}` | {Value(key)} | {Default(key)} | {Cell(key.Doc)}{Only(key)}{(key.Reloads ? " ↻" : "")} |\n");
                }
            }
        }

        return text.ToString();
    }

    private static string Value(KeySpec key) => key.Type switch
    {
        ChoiceType choice => string.Join(", ", choice.Words.Select(w => $"`\"{w}\"`")),
        IntegerType => key.Type.Noun,
        DurationType limits => $"`{Cell(key.Type.Example)}`; {limits.Min} to {limits.Max}",
        SizeType limits => $"`{Cell(key.Type.Example)}`; {limits.Min} to {limits.Max}",
        _ => $"`{Cell(key.Type.Example)}`",
    };

    private static string Default(KeySpec key) =>
        key.Default is { } text ? $"`{text}`" : key.DefaultNote is { } note ? Cell(note) : key.Required ? "required" : "";

    private static string Only(KeySpec key) => key.OnlyFor.Count == 0 ? "" : $" Only: {SourceSchema.Among(key.OnlyFor)}.";

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
