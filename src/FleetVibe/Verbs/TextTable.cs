using Spectre.Console;

namespace FleetVibe.Verbs;

/// <summary>Tables of plain text, the same on a terminal and in a file.</summary>
internal static class TextTable
{
    private const int Width = 200;

    /// <param name="columns">A name that ends in a colon is aligned left, any other right.</param>
    public static void Write(TextWriter output, IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (var column in columns)
        {
            var left = column.EndsWith(':');
            table.AddColumn(new TableColumn(Markup.Escape(column.TrimEnd(':'))) { Alignment = left ? Justify.Left : Justify.Right, NoWrap = !left });
        }

        foreach (var row in rows)
        {
            table.AddRow([.. row.Select(Markup.Escape)]);
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
        console.Profile.Width = Width;
        console.Write(table);
    }
}
