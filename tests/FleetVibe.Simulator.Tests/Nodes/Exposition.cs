using System.Globalization;
using System.Text.RegularExpressions;

namespace FleetVibe.Simulator.Tests.Nodes;

/// <summary>The plain grammar of the Prometheus text format 0.0.4: a line that does not fit fails the test.</summary>
internal sealed partial class Exposition
{
    private readonly Dictionary<string, string> _types = [];
    private readonly Dictionary<string, double> _samples = [];

    public Exposition(string page)
    {
        Assert.EndsWith("\n", page, StringComparison.Ordinal);
        foreach (var line in page[..^1].Split('\n'))
        {
            if (TypeLine().Match(line) is { Success: true } type)
            {
                Assert.True(_types.TryAdd(type.Groups[1].Value, type.Groups[2].Value), "TYPE twice: " + line);
            }
            else if (!HelpLine().IsMatch(line))
            {
                var sample = SampleLine().Match(line);
                Assert.True(sample.Success, "no sample: " + line);
                Assert.True(_types.Keys.Any(family => FamilyOf(sample.Groups[1].Value, family)), "sample before its TYPE: " + line);
                Assert.True(_samples.TryAdd(sample.Groups[1].Value + sample.Groups[2].Value, Number(sample.Groups[3].Value)), "series twice: " + line);
            }
        }
    }

    public IReadOnlyDictionary<string, string> Types => _types;

    public IReadOnlyDictionary<string, double> Samples => _samples;

    public double this[string series] => _samples[series];

    /// <summary>Sum over the series of a name.</summary>
    public double Sum(string name) => _samples.Where(s => s.Key == name || s.Key.StartsWith(name + "{", StringComparison.Ordinal)).Sum(s => s.Value);

    /// <summary>The values of <c>le</c> of a histogram, in the page's order.</summary>
    public IReadOnlyList<string> Bounds(string histogram) =>
    [
        .. _samples.Keys.Where(key => key.StartsWith(histogram + "_bucket{", StringComparison.Ordinal)).Select(key => Le().Match(key).Groups[1].Value),
    ];

    private static bool FamilyOf(string name, string family) =>
        name == family || (name.StartsWith(family, StringComparison.Ordinal) && name[family.Length..] is "_bucket" or "_count" or "_sum");

    private static double Number(string text) => text switch
    {
        "NaN" => double.NaN,
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        _ => double.Parse(text, CultureInfo.InvariantCulture),
    };

    [GeneratedRegex("^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$")]
    private static partial Regex TypeLine();

    [GeneratedRegex("^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) .+$")]
    private static partial Regex HelpLine();

    [GeneratedRegex("""^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,(?!\})|(?=\})))*\})? (NaN|[+-]Inf|-?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?)$""")]
    private static partial Regex SampleLine();

    [GeneratedRegex("le=\"([^\"]*)\"")]
    private static partial Regex Le();
}
