using System.Text;

namespace FleetVibe.Metrics.Exposition;

/// <summary>What a line that begins with <c>#</c> says.</summary>
internal enum MetadataKind
{
    /// <summary>Nothing that is known: a comment.</summary>
    Comment,
    Help,
    Type,
    Unit,
}

/// <summary>A HELP, TYPE or UNIT line, taken apart.</summary>
/// <param name="Name">Unescaped; empty where the line ends before it.</param>
/// <param name="IsQuoted">The name stood in quotation marks, so it may hold any character.</param>
/// <param name="Text">What stands behind the name, as written; null where the line ends with the name.</param>
internal readonly record struct MetadataLine(MetadataKind Kind, string Name, bool IsQuoted, string? Text)
{
    /// <summary>The quoted name has an escape that the formats do not know.</summary>
    public bool HasOtherEscape { get; init; }

    /// <summary>Any run of blanks separates, as in text 0.0.4.</summary>
    /// <param name="line">Begins with <c>#</c>, without line end.</param>
    /// <returns>Null where a quoted name has no end or is followed by no blank.</returns>
    public static MetadataLine? Read(ReadOnlySpan<byte> line)
    {
        var rest = line[1..];
        LabelText.SkipBlanks(ref rest);
        var kind = KindOf(TakeWord(ref rest, exactly: false));
        LabelText.SkipBlanks(ref rest);
        return ReadNamed(kind, rest, exactly: false);
    }

    /// <summary>Exactly one space separates, as in OpenMetrics.</summary>
    /// <returns>Null where the line is none of the three that OpenMetrics knows, in that form.</returns>
    public static MetadataLine? ReadExactly(ReadOnlySpan<byte> line)
    {
        if (line.Length < 7 || line[1] != ' ' || line[6] != ' ')
        {
            return null;
        }

        var kind = KindOf(line[2..6]);
        return kind != MetadataKind.Comment && ReadNamed(kind, line[7..], exactly: true) is { Text: not null, Name.Length: > 0 } read ? read : null;
    }

    private static MetadataLine? ReadNamed(MetadataKind kind, ReadOnlySpan<byte> rest, bool exactly)
    {
        if (kind == MetadataKind.Comment)
        {
            return default(MetadataLine) with { Name = "" };
        }

        var quoted = rest is [(byte)'"', ..];
        ReadOnlySpan<byte> name;
        if (!quoted)
        {
            name = TakeWord(ref rest, exactly);
        }
        else if (!LabelText.TryTakeString(ref rest, out name) || rest is not ([] or [(byte)' ', ..] or [(byte)'\t', ..]))
        {
            return null;
        }

        string? text = null;
        if (!rest.IsEmpty)
        {
            rest = rest[1..];
            if (!exactly)
            {
                LabelText.SkipBlanks(ref rest);
            }

            text = Encoding.UTF8.GetString(rest);
        }

        return new MetadataLine(kind, quoted ? LabelText.Unescape(name) : Encoding.UTF8.GetString(name), quoted, text)
        {
            HasOtherEscape = quoted && LabelText.HasOtherEscape(name),
        };
    }

    private static ReadOnlySpan<byte> TakeWord(scoped ref ReadOnlySpan<byte> rest, bool exactly)
    {
        var length = exactly ? rest.IndexOf((byte)' ') : rest.IndexOfAny((byte)' ', (byte)'\t');
        var word = length < 0 ? rest : rest[..length];
        rest = rest[word.Length..];
        return word;
    }

    private static MetadataKind KindOf(ReadOnlySpan<byte> word) => word switch
    {
        _ when word.SequenceEqual("HELP"u8) => MetadataKind.Help,
        _ when word.SequenceEqual("TYPE"u8) => MetadataKind.Type,
        _ when word.SequenceEqual("UNIT"u8) => MetadataKind.Unit,
        _ => MetadataKind.Comment,
    };
}
