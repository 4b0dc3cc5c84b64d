using System.Text;

namespace FleetVibe.Metrics.LineProtocol;

/// <summary>Makes any text fit for a place in line protocol, so that both of Telegraf's parsers read it alike.</summary>
internal static class LineProtocolText
{
    internal enum Place
    {
        Measurement,
        Tag,
        FieldKey,
        StringValue,
    }

    /// <summary>Appends the cleaned, still unescaped text; returns the bytes appended.</summary>
    internal static int AppendClean(ReadOnlySpan<char> text, Place place, ref ByteStage stage)
    {
        // A lone surrogate becomes U+FFFD, three bytes like any other character of the worst case.
        var room = stage.Reserve(text.Length * 3);
        var bytes = room[..Encoding.UTF8.GetBytes(text, room)];
        foreach (ref var b in bytes)
        {
            if (b is (byte)'\n' or (byte)'\r')
            {
                b = (byte)' ';
            }
            else if (b is < 0x20 or 0x7f)
            {
                b = (byte)'_';
            }
        }

        if (place != Place.StringValue)
        {
            // There is no escape for a backslash in a name: at the end it would eat the separator.
            bytes = bytes.TrimEnd((byte)'\\');
            ReplaceAmbiguousBackslashes(bytes, place);
        }

        stage.Advance(bytes.Length);
        return bytes.Length;
    }

    /// <summary>Writes text with a backslash before each of the given characters; returns the bytes written.</summary>
    internal static int Escape(ReadOnlySpan<byte> text, ReadOnlySpan<byte> special, Span<byte> target)
    {
        var written = 0;
        while (true)
        {
            var plain = text.IndexOfAny(special);
            if (plain < 0)
            {
                text.CopyTo(target[written..]);
                return written + text.Length;
            }

            text[..plain].CopyTo(target[written..]);
            written += plain;
            target[written++] = (byte)'\\';
            target[written++] = text[plain];
            text = text[(plain + 1)..];
        }
    }

    // Two spots where the parsers disagree: in measurements and field keys the default one takes a double backslash for a
    // pair, so that the separator behind it ends the name; in tags and field keys it turns \" into " when the name also
    // holds a separator.
    private static void ReplaceAmbiguousBackslashes(Span<byte> name, Place place)
    {
        for (var i = 0; i + 1 < name.Length; i++)
        {
            if (name[i] != '\\')
            {
                continue;
            }

            var ambiguous = name[i + 1] switch
            {
                (byte)'"' => place != Place.Measurement,
                (byte)',' or (byte)' ' => place != Place.Tag,
                (byte)'=' => place == Place.FieldKey,
                _ => false,
            };
            if (ambiguous)
            {
                name[i] = (byte)'_';
            }
        }
    }
}
