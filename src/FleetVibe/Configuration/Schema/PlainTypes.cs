using System.Globalization;
using FleetVibe.Configuration.Toml;
using FleetVibe.Configuration.Values;

namespace FleetVibe.Configuration.Schema;

internal sealed record TextType(string Sample = "text") : KeyType("a text", $"\"{Sample}\"")
{
    protected override ParsedValue Parse(string text, ReadingContext context) =>
        string.IsNullOrWhiteSpace(text) ? ParsedValue.Bad("is empty: write a text, or leave the key out")
        : text.Any(char.IsControl) ? ParsedValue.Bad("holds a line break or another control character: write one line of text")
        : new ParsedValue(text);
}

/// <summary>A text that may also be written as an integer, such as the index of a GPU.</summary>
internal sealed record WordType(string Sample) : KeyType("a text or an integer", Sample)
{
    protected override bool Takes(ScalarKind kind) => kind is ScalarKind.String or ScalarKind.Integer;

    protected override ParsedValue Parse(string text, ReadingContext context) =>
        string.IsNullOrWhiteSpace(text) ? ParsedValue.Bad("is empty") : new ParsedValue(text.Trim());
}

internal sealed record BooleanType() : KeyType("true or false", "true")
{
    public override string Show(object value) => (bool)value ? "true" : "false";

    protected override bool Takes(ScalarKind kind) => kind == ScalarKind.Boolean;

    protected override ParsedValue Parse(string text, ReadingContext context) =>
        bool.TryParse(text, out var value) ? new ParsedValue(value) : ParsedValue.Bad("is neither true nor false");
}

internal sealed record IntegerType(int Min, int Max, string Sample) : KeyType($"an integer from {Min} to {Max}", Sample)
{
    public override string Show(object value) => ((int)value).ToString(CultureInfo.InvariantCulture);

    protected override bool Takes(ScalarKind kind) => kind == ScalarKind.Integer;

    protected override ParsedValue Parse(string text, ReadingContext context) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= Min && value <= Max
            ? new ParsedValue(value)
            : ParsedValue.Bad($"is not {Noun}");
}

/// <summary>A duration within limits; a bare integer is seconds.</summary>
internal sealed record DurationType(string Min, string Max, string Sample) : KeyType($"a duration such as {Sample}", Sample)
{
    public override string Show(object value) => $"\"{DurationText.Format((TimeSpan)value)}\"";

    protected override bool Takes(ScalarKind kind) => kind is ScalarKind.String or ScalarKind.Integer or ScalarKind.Float;

    protected override ParsedValue Parse(string text, ReadingContext context)
    {
        if (!DurationText.TryParse(text, out var value))
        {
            return ParsedValue.Bad("is not a duration: write a number with ms, s, m, h or d, such as \"250ms\", \"10s\", \"72h\"; a bare number is seconds");
        }

        return value >= Limit(Min) && value <= Limit(Max)
            ? new ParsedValue(value)
            : ParsedValue.Bad($"is out of range: it must be from {Min} to {Max}");
    }

    private static TimeSpan Limit(string text) =>
        DurationText.TryParse(text, out var limit) ? limit : throw new FormatException($"a limit of the schema is no duration: {text}");
}

internal sealed record SizeType(string Min, string Max, string Sample) : KeyType($"a size such as {Sample}", Sample)
{
    public override string Show(object value) => $"\"{SizeText.Format((long)value)}\"";

    protected override bool Takes(ScalarKind kind) => kind is ScalarKind.String or ScalarKind.Integer;

    protected override ParsedValue Parse(string text, ReadingContext context)
    {
        if (!SizeText.TryParse(text, out var value))
        {
            return ParsedValue.Bad("is not a size: write a whole number of bytes, or one with KiB, MiB, GiB or TiB, such as \"1GiB\"");
        }

        return value >= Limit(Min) && value <= Limit(Max)
            ? new ParsedValue(value)
            : ParsedValue.Bad($"is out of range: it must be from {Min} to {Max}");
    }

    private static long Limit(string text) =>
        SizeText.TryParse(text, out var limit) ? limit : throw new FormatException($"a limit of the schema is no size: {text}");
}

/// <summary>One of a few words, each with what it stands for.</summary>
internal sealed record ChoiceType(string What, IReadOnlyList<string> Words, string Sample) : KeyType($"one of {string.Join(", ", Words)}", $"\"{Sample}\"")
{
    public override IReadOnlyList<string> Choices => Words;

    protected override ParsedValue Parse(string text, ReadingContext context)
    {
        if (Words.Contains(text, StringComparer.Ordinal))
        {
            return new ParsedValue(text);
        }

        var nearest = Suggestions.Nearest(text, Words);
        return ParsedValue.Bad($"is no {What} that is known: {(nearest is null ? "" : $"did you mean \"{nearest}\"? ")}valid are {string.Join(", ", Words)}");
    }
}

internal sealed record TimeZoneType() : KeyType("a time zone such as \"Europe/Berlin\"", "\"Europe/Berlin\"")
{
    public override string Show(object value) => $"\"{((TimeZoneInfo)value).Id}\"";

    protected override ParsedValue Parse(string text, ReadingContext context) =>
        TimeZoneInfo.TryFindSystemTimeZoneById(text, out var zone)
            ? new ParsedValue(zone)
            : ParsedValue.Bad("is no time zone of this machine: write an IANA name such as \"Europe/Berlin\" or \"UTC\"");
}

/// <summary>A list of values of one type; in an environment variable separated by commas.</summary>
internal sealed record ListType(KeyType Item) : KeyType($"a list, each {Item.Noun}", $"[{Item.Example}]")
{
    public override KeyShape Shape => KeyShape.List;

    public override IReadOnlyList<string> Choices => Item.Choices;

    public override string Show(object value) =>
        $"[{string.Join(", ", ((IReadOnlyList<object>)value).Select(Item.Show))}]";

    // Item by item: the reader takes a list apart.
    protected override ParsedValue Parse(string text, ReadingContext context) => ParsedValue.Bad($"is not {Noun}");
}

/// <summary>A table of texts.</summary>
internal sealed record MapType(KeyType Item, IReadOnlyList<string> KnownKeys, string Sample) : KeyType($"a table of texts such as {Sample}", Sample)
{
    public override KeyShape Shape => KeyShape.Map;

    public override bool IsSecret => Item.IsSecret;

    public override string Show(object value) =>
        "{ " + string.Join(", ", ((IReadOnlyDictionary<string, object>)value).Select(p => $"{p.Key} = {Item.Show(p.Value)}")) + " }";

    protected override ParsedValue Parse(string text, ReadingContext context) => ParsedValue.Bad($"is not {Noun}");
}
