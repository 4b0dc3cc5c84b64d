using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace FleetVibe.Metrics.LineProtocol;

/// <summary>Reads one point. The reasons are the words of Telegraf's default parser.</summary>
internal ref struct PointScanner(ReadOnlySpan<byte> body, int start)
{
    private const string NoMeasurement = "expected measurement name";
    private const string NoTag = "expected tag";
    private const string NoField = "expected field";
    private const string NoTimestamp = "expected timestamp";
    private const string OutOfRange = "value out of range";
    private const string NotUtf8 = "invalid UTF-8";
    private const string Broken = "parse error";
    private const int TimestampDigits = 19;

    private readonly ReadOnlySpan<byte> _body = body;
    private readonly int _start = start;

    internal int At { get; private set; } = start;

    internal string Reason { get; private set; } = "";

    internal int FailedAt { get; private set; } = start;

    internal readonly int AfterLineBreak => At < _body.Length && _body[At] == '\r' ? At + 2 : At + 1;

    // Zero stands for the end too: no rule accepts it outside of strings.
    private readonly byte Current => At < _body.Length ? _body[At] : (byte)0;

    private readonly bool AtLineEnd =>
        At >= _body.Length || _body[At] == '\n' || (_body[At] == '\r' && At + 1 < _body.Length && _body[At + 1] == '\n');

    internal bool SkipBlankOrComment()
    {
        SkipSpaces();
        if (Current == '#')
        {
            var rest = At;
            while (!AtLineEnd && !IsControl(Current))
            {
                At++;
            }

            if (!AtLineEnd)
            {
                // One parser skips such a comment, the other refuses it.
                At = rest;
                return false;
            }
        }

        return AtLineEnd;
    }

    internal void SkipLine()
    {
        var lineBreak = _body[At..].IndexOf((byte)'\n');
        At = lineBreak < 0 ? _body.Length : At + lineBreak;
        if (At > FailedAt && At < _body.Length && _body[At - 1] == '\r')
        {
            At--;
        }
    }

    internal ParsedPoint? TryReadPoint(int line)
    {
        if (Current == '#')
        {
            Fail(NoMeasurement);
            return null;
        }

        if (!TryReadName(NameKind.Measurement, NoMeasurement, out var measurement)
            || !TryReadTags(out var tags)
            || !TryReadFields(out var fields)
            || !TryReadTimestamp(out var timestamp))
        {
            return null;
        }

        return new ParsedPoint(measurement, tags, fields, timestamp, line, _start..At);
    }

    private bool TryReadTags(out List<KeyValuePair<string, string>> tags)
    {
        tags = [];
        while (Current == ',')
        {
            At++;
            if (!TryReadName(NameKind.Tag, NoTag, out var key) || !TrySkip('=', NoTag) || !TryReadName(NameKind.Tag, NoTag, out var value))
            {
                return false;
            }

            Put(tags, key, value);
        }

        if (Current == ' ')
        {
            tags.Sort((a, b) => CodePointOrder.Compare(a.Key, b.Key));
            SkipSpaces();
            return true;
        }

        // A tab ends the tags for one parser, for the other it is an error.
        return Fail(Current is (byte)'\t' or (byte)'\v' or (byte)'\f' ? NoField : NoTag);
    }

    private bool TryReadFields(out List<KeyValuePair<string, FieldValue>> fields)
    {
        fields = [];
        do
        {
            if (fields.Count > 0)
            {
                At++;
            }

            if (!TryReadName(NameKind.FieldKey, NoField, out var key) || !TrySkip('=', NoField) || !TryReadValue(out var value))
            {
                return false;
            }

            Put(fields, key, value);
        }
        while (Current == ',');

        return Current == ' ' || AtLineEnd || Fail(Current switch
        {
            (byte)'\r' => Broken,
            (byte)'\t' or (byte)'\v' or (byte)'\f' => NoTimestamp,
            _ => NoField,
        });
    }

    private bool TryReadValue(out FieldValue value)
    {
        value = default;
        if (Current == '"')
        {
            return TryReadString(out value);
        }

        var first = At;
        var outcome = FieldValueText.Match(_body[At..], out var length, out value);
        At += length;
        return outcome switch
        {
            FieldValueText.Outcome.Value => true,
            FieldValueText.Outcome.OutOfRange => Fail(OutOfRange, first),
            _ => Fail(NoField),
        };
    }

    private bool TryReadString(out FieldValue value)
    {
        value = default;
        var first = ++At;
        var escapes = 0;
        while (Current != '"')
        {
            if (At >= _body.Length || Current == '\f')
            {
                return Fail(NoField);
            }

            if (Current == '\\')
            {
                At++;
                if (Current is not ((byte)'\\' or (byte)'"'))
                {
                    return Fail(NoField);
                }

                escapes++;
            }

            At++;
        }

        var raw = _body[first..At++];
        if (!Utf8.IsValid(raw))
        {
            return Fail(NotUtf8, first);
        }

        value = FieldValue.Of(escapes == 0 ? Encoding.UTF8.GetString(raw) : NameText.Unescape(raw, "\\\""u8));
        return true;
    }

    private bool TryReadTimestamp(out long? timestamp)
    {
        timestamp = null;
        SkipSpaces();
        if (AtLineEnd)
        {
            return true;
        }

        var first = At;
        if (Current == '-')
        {
            At++;
        }

        var digits = At;
        while (char.IsAsciiDigit((char)Current))
        {
            At++;
        }

        if (At == digits || At - digits > TimestampDigits || !(AtLineEnd || Current is (byte)' ' or (byte)'\r' or (byte)'\t'))
        {
            return Fail(NoTimestamp);
        }

        if (!long.TryParse(_body[first..At], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var parsed))
        {
            return Fail(OutOfRange, first);
        }

        timestamp = parsed;
        SkipSpaces();
        return AtLineEnd || Fail(Broken);
    }

    private bool TryReadName(NameKind kind, string reason, out string name)
    {
        var outcome = NameText.Match(_body[At..], kind, out var length, out name);
        var first = At;
        At += length;
        return outcome switch
        {
            NameText.Outcome.Name => true,
            NameText.Outcome.NotUtf8 => Fail(NotUtf8, first),
            _ => Fail(reason),
        };
    }

    private bool TrySkip(char expected, string reason)
    {
        if (Current != expected)
        {
            return Fail(reason);
        }

        At++;
        return true;
    }

    private void SkipSpaces()
    {
        while (Current == ' ')
        {
            At++;
        }
    }

    private bool Fail(string reason) => Fail(reason, At);

    private bool Fail(string reason, int at)
    {
        Reason = reason;
        FailedAt = at;
        return false;
    }

    private static bool IsControl(byte b) => b is < 0x20 or 0x7f;

    // Both parsers take a key given twice; the last value stands.
    private static void Put<T>(List<KeyValuePair<string, T>> pairs, string key, T value)
    {
        var pair = KeyValuePair.Create(key, value);
        var known = pairs.FindIndex(p => p.Key == key);
        if (known < 0)
        {
            pairs.Add(pair);
        }
        else
        {
            pairs[known] = pair;
        }
    }
}
