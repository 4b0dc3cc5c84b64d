using System.Text.RegularExpressions;
using FleetVibe.Metrics.Exposition;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>
/// A user's own map of a page: figure to family. A value is a name, the rows to take, and a unit where it is not the figure's
/// own: <c>http_latency_ms{route="/chat|/generate",status!="404"} ms</c>; alternatives stand behind <c>or</c>, the best first.
/// </summary>
public static partial class FamilyMap
{
    private static readonly (string Name, Figure Figure)[] Known =
    [
        ("requests", Figure.Requests), ("succeeded", Figure.Succeeded), ("errors", Figure.Errors), ("length_limited", Figure.LengthLimited),
        ("response_time", Figure.ResponseTime), ("ttft", Figure.Ttft), ("input_tokens", Figure.InputTokens), ("output_tokens", Figure.OutputTokens),
        ("running", Figure.Running), ("waiting", Figure.Waiting), ("kv_cache_percent", Figure.KvCache),
    ];

    /// <summary>The figures that a map can name.</summary>
    public static IReadOnlyList<string> Figures { get; } = [.. Known.Select(k => k.Name)];

    /// <summary>What is wrong with one entry, to end the sentence that begins with it; null where it is good.</summary>
    public static string? ProblemOf(string figure, string text)
    {
        try
        {
            _ = Parse(Known.First(k => k.Name == figure).Figure, text);
            return null;
        }
        catch (FormatException e)
        {
            return e.Message;
        }
    }

    /// <exception cref="FormatException">An entry is not as <see cref="ProblemOf"/> wants it.</exception>
    internal static EngineTable ToTable(EngineSourceSettings settings)
    {
        // Requests by their own counter first: a user who names one means it.
        var families = Known.Where(k => settings.Families.ContainsKey(k.Name)).SelectMany(k => Parse(k.Figure, settings.Families[k.Name])).ToList();
        return new EngineTable(EngineSourceSettings.Generic, "mapped", families)
        {
            ModelLabels = settings.ModelLabel is { } label ? [label] : [],
            ModelSelects = settings.ModelLabel is not null,
            ProcessLabels = settings.ModelLabel is { } model ? [model] : [],
            OnceLabels = settings.OnceLabels,
            Fingerprint = "\n" + string.Join('\n', settings.Families.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => $"{f.Key}={f.Value}")),
            DisabledCure = "switch the server's metrics on, or name its families in families",
        };
    }

    private static List<EngineFamily> Parse(Figure figure, string text)
    {
        List<EngineFamily> families = [];
        foreach (var alternative in text.Split(" or ", StringSplitOptions.TrimEntries))
        {
            var match = Selector().Match(alternative);
            if (!match.Success || match.Groups["name"].Value == EngineTable.ProcessStartFamily)
            {
                throw new FormatException("is no family: write a name, rows in braces and a unit, such as my_latency_ms{path=\"/chat\"} ms");
            }

            var family = new EngineFamily(match.Groups["name"].Value, figure) { Where = [.. Rules(match.Groups["rules"].Value)] };
            families.Add(WithUnit(family, match.Groups["unit"].Value));
        }

        return families;
    }

    private static IEnumerable<LabelRule> Rules(string text)
    {
        var at = 0;
        foreach (Match rule in Rule().Matches(text))
        {
            if (rule.Index != at)
            {
                break;
            }

            at += rule.Length;
            yield return new LabelRule(rule.Groups["label"].Value, rule.Groups["values"].Value.Split('|'), rule.Groups["not"].Success);
        }

        if (at != text.Length)
        {
            throw new FormatException("has rows that cannot be read: write label=\"value\" or label!=\"value\", several values as \"a|b\"");
        }
    }

    private static EngineFamily WithUnit(EngineFamily family, string unit) => (family, unit) switch
    {
        (_, "") => family,
        ({ IsHistogram: true }, "s") => family,
        ({ IsHistogram: true }, "ms") => family with { Scale = 1e-3 },
        ({ IsHistogram: true }, "us") => family with { Scale = 1e-6 },
        ({ Figure: Figure.KvCache }, "ratio") => family,
        ({ Figure: Figure.KvCache }, "percent") => family with { Scale = 0.01 },
        ({ IsGauge: false, IsHistogram: false }, "sum") => family with { Part = SamplePart.Sum },
        ({ IsGauge: false, IsHistogram: false }, "count") => family with { Part = SamplePart.Count },
        ({ IsHistogram: true }, _) => throw new FormatException($"has the unit {unit}: a latency is in s, ms or us"),
        ({ Figure: Figure.KvCache }, _) => throw new FormatException($"has the unit {unit}: the cache is a ratio or percent"),
        ({ IsGauge: true }, _) => throw new FormatException($"has the unit {unit}: a number of requests has none"),
        _ => throw new FormatException($"has the unit {unit}: a counter has none, or is the sum or count of a histogram"),
    };

    [GeneratedRegex("""^(?<name>[A-Za-z_:][A-Za-z0-9_:.]*)\s*(\{(?<rules>.*)\})?(\s+(?<unit>\w+))?$""", RegexOptions.ExplicitCapture)]
    private static partial Regex Selector();

    [GeneratedRegex("""\s*(?<label>[A-Za-z_][A-Za-z0-9_.]*)\s*(?<not>!)?=\s*"(?<values>[^"]*)"\s*(,|$)""", RegexOptions.ExplicitCapture)]
    private static partial Regex Rule();
}
