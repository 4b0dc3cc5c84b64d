using System.Globalization;
using Tomlyn;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace FleetVibe.Configuration.Toml;

/// <summary>Reads a TOML text into nodes that know their place. A text with mistakes gives what could be read of it.</summary>
internal sealed class TomlReader
{
    // The parser's own limit.
    private const int MostDepth = 64;

    private readonly string _file;
    private readonly Findings _findings;
    private readonly HashSet<int> _brokenLines = [];

    private TomlReader(string file, Findings findings)
    {
        _file = file;
        _findings = findings;
    }

    public static TomlTable Read(string text, string file, Findings findings) => new TomlReader(file, findings).Read(text);

    private TomlTable Read(string text)
    {
        DocumentSyntax document;
        try
        {
            document = SyntaxParser.Parse(text, _file, validate: true);
        }
        catch (ArgumentOutOfRangeException)
        {
            // The parser fails on a text that ends in the middle of an escape, instead of saying so.
            return Unreadable(new Origin(_file, text.Count(c => c == '\n') + 1, 1), "the text ends within a string, after \\u: write the character's four digits and close the string");
        }
        catch (TomlException)
        {
            // It raises this one, without a place, instead of collecting it.
            return Unreadable(TooDeep(text), "lists or tables stand more than 64 deep in each other: no setting needs more than a few");
        }

        foreach (var diagnostic in document.Diagnostics.Where(d => d.Kind == DiagnosticMessageKind.Error))
        {
            _brokenLines.Add(diagnostic.Span.Start.Line);
            _findings.ReportMissing = false;
            _findings.Error(At(diagnostic.Span), $"this is not TOML: {Lower(diagnostic.Message)}");
        }

        var root = new TomlTable(new Origin(_file, 1, 1));
        AddAll(root, document.KeyValues);
        foreach (var table in document.Tables)
        {
            if (table.Name is not null && !_brokenLines.Contains(table.Span.Start.Line) && Open(root, table) is { } opened)
            {
                AddAll(opened, table.Items);
            }
        }

        return root;
    }

    private TomlTable Unreadable(Origin origin, string why)
    {
        _findings.ReportMissing = false;
        _findings.Error(origin, $"this is not TOML: {why}");
        return new TomlTable(new Origin(_file, 1, 1));
    }

    // Brackets within strings are counted too: the place is for a reader, who sees them.
    private Origin TooDeep(string text)
    {
        var (line, lineStart, depth) = (1, 0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\n':
                    (line, lineStart) = (line + 1, i + 1);
                    break;
                case '[' or '{' when ++depth > MostDepth:
                    return new Origin(_file, line, i - lineStart + 1);
                case ']' or '}':
                    depth--;
                    break;
                default:
                    break;
            }
        }

        return new Origin(_file, 1, 1);
    }

    private TomlTable? Open(TomlTable root, TableSyntaxBase table)
    {
        var names = Names(table.Name!);
        var origin = At(table.Span);
        var parent = root;
        for (var i = 0; i < names.Count - 1; i++)
        {
            if (Step(parent, names[i], origin) is not { } next)
            {
                return null;
            }

            parent = next;
        }

        if (table is not TableArraySyntax)
        {
            return Step(parent, names[^1], origin);
        }

        if (!parent.Entries.TryGetValue(names[^1], out var entry))
        {
            entry = new TomlEntry(origin, new TomlTableList(origin));
            parent.Entries[names[^1]] = entry;
        }

        if (entry.Value is not TomlTableList list)
        {
            return null;
        }

        var added = new TomlTable(origin);
        list.Tables.Add(added);
        return added;
    }

    // A name that leads through an array of tables means its last table.
    private static TomlTable? Step(TomlTable parent, string name, Origin origin)
    {
        if (!parent.Entries.TryGetValue(name, out var entry))
        {
            var table = new TomlTable(origin);
            parent.Entries[name] = new TomlEntry(origin, table);
            return table;
        }

        return entry.Value switch
        {
            TomlTable table => table,
            TomlTableList { Tables: [.., var last] } => last,
            _ => null,
        };
    }

    private void AddAll(TomlTable table, IEnumerable<KeyValueSyntax> pairs)
    {
        foreach (var pair in pairs)
        {
            Add(table, pair);
        }
    }

    private void Add(TomlTable table, KeyValueSyntax pair)
    {
        if (pair.Key is null || pair.Value is null || _brokenLines.Contains(pair.Key.Span.Start.Line))
        {
            return;
        }

        var names = Names(pair.Key);
        var origin = At(pair.Key.Span);
        foreach (var name in names.SkipLast(1))
        {
            if (Step(table, name, origin) is not { } next)
            {
                return;
            }

            table = next;
        }

        // A second value is reported by the parser; the first one stays.
        table.Entries.TryAdd(names[^1], new TomlEntry(origin, Value(pair.Value)));
    }

    private TomlNode Value(ValueSyntax value)
    {
        var origin = At(value.Span);
        switch (value)
        {
            case ArraySyntax array:
                var items = array.Items.Where(i => i.Value is not null).Select(i => Value(i.Value!)).ToList();
                if (items.Count == 0 || !items.TrueForAll(i => i is TomlTable))
                {
                    return new TomlList(origin, items);
                }

                var list = new TomlTableList(origin);
                list.Tables.AddRange(items.Cast<TomlTable>());
                return list;
            case InlineTableSyntax inline:
                var table = new TomlTable(origin);
                AddAll(table, inline.Items.Where(i => i.KeyValue is not null).Select(i => i.KeyValue!));
                return table;
            case StringValueSyntax text:
                return new TomlScalar(new Scalar(ScalarKind.String, text.Value ?? "", origin));
            case IntegerValueSyntax integer:
                return new TomlScalar(new Scalar(ScalarKind.Integer, integer.Value.ToString(CultureInfo.InvariantCulture), origin));
            case BooleanValueSyntax boolean:
                return new TomlScalar(new Scalar(ScalarKind.Boolean, boolean.Value ? "true" : "false", origin));
            case FloatValueSyntax number:
                return new TomlScalar(new Scalar(ScalarKind.Float, number.Value.ToString("R", CultureInfo.InvariantCulture), origin));
            default:
                return new TomlScalar(new Scalar(ScalarKind.DateTime, value.ToString().Trim(), origin));
        }
    }

    private static List<string> Names(KeySyntax key)
    {
        List<string> names = [Name(key.Key)];
        names.AddRange(key.DotKeys.Select(dot => Name(dot.Key)));
        return names;
    }

    private static string Name(BareKeyOrStringValueSyntax? key) => key switch
    {
        StringValueSyntax text => text.Value ?? "",
        null => "",
        _ => key.ToString().Trim(),
    };

    private Origin At(SourceSpan span) => new(_file, span.Start.Line + 1, span.Start.Column + 1);

    private static string Lower(string message) => message.Length == 0 ? message : char.ToLowerInvariant(message[0]) + message[1..];
}
