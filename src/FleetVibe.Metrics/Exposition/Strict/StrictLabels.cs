namespace FleetVibe.Metrics.Exposition.Strict;

/// <summary>The braces of a sample or an exemplar, by the rules.</summary>
internal static class StrictLabels
{
    /// <param name="rest">Begins with the brace; afterwards behind the closing one.</param>
    /// <param name="name">The metric's name where it stands before the braces; else it is found in them, in quotes.</param>
    /// <returns>Null, or what is wrong.</returns>
    public static string? Read(scoped ref ReadOnlySpan<byte> rest, ExpositionFormat format, ref string? name, Dictionary<string, string> labels)
    {
        rest = rest[1..];
        for (var first = true; ; first = false)
        {
            LabelText.SkipBlanks(ref rest);
            if (rest is [(byte)'}', ..])
            {
                rest = rest[1..];
                return null;
            }

            if (first ? rest is [(byte)',', ..] : rest is not [(byte)',', ..])
            {
                // Text readers take {,} for no labels.
                var inside = rest[Math.Min(1, rest.Length)..];
                LabelText.SkipBlanks(ref inside);
                if (!first || format == ExpositionFormat.OpenMetrics || inside is not [(byte)'}', ..])
                {
                    return first ? "a comma before the first label" : "no comma or closing brace behind a label";
                }
            }

            if (rest is [(byte)',', ..])
            {
                rest = rest[1..];
                LabelText.SkipBlanks(ref rest);
                if (rest is [(byte)',', ..])
                {
                    return "two commas";
                }

                if (rest is [(byte)'}', ..])
                {
                    rest = rest[1..];
                    return format == ExpositionFormat.Text ? null : "a comma behind the last label";
                }
            }

            if (ReadItem(ref rest, ref name, labels) is { } reason)
            {
                return reason;
            }
        }
    }

    private static string? ReadItem(scoped ref ReadOnlySpan<byte> rest, ref string? name, Dictionary<string, string> labels)
    {
        var quoted = rest is [(byte)'"', ..];
        var step = LabelText.Next(ref rest, out var item, out var value);
        if (step is not (LabelText.Step.Label or LabelText.Step.MetricName))
        {
            return "bad labels";
        }

        if (quoted && LabelText.HasOtherEscape(item))
        {
            return "a name with an escape that is none of \\\\, \\\" and \\n";
        }

        var text = LabelText.Unescape(item);
        if (step == LabelText.Step.MetricName)
        {
            var other = name;
            name = text;
            return other is not null ? "two metric names" : text.Length == 0 ? "an empty metric name" : null;
        }

        // Quotes do not make a name of nothing.
        if (quoted ? text.Length == 0 : !StrictNames.IsBareLabel(text))
        {
            return $"invalid label name \"{text}\"";
        }

        return text == "__name__" ? "the label name __name__ is reserved"
            : labels.TryAdd(text, LabelText.Unescape(value)) ? null : $"label {text} twice";
    }
}
