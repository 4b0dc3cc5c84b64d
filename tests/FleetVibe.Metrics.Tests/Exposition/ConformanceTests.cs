using System.Globalization;
using System.Text.Json;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.Exposition.Strict;
using Xunit.Abstractions;

namespace FleetVibe.Metrics.Tests.Exposition;

/// <summary>The inputs of the reference suites, where a machine has them, against the verdicts of the suites that they come from.</summary>
public class ConformanceTests(ITestOutputHelper output)
{
    private const double Wanted = 0.97;

    private static readonly string Page = Path.Combine("docs", "parser-conformance.md");

    [RecordingsFact]
    public void Strict_reading_agrees_with_the_suites_but_for_what_is_listed_with_its_reason()
    {
        var listed = File.ReadAllLines(Path.Combine(Repository(), Page))
            .Where(l => l.StartsWith("| `", StringComparison.Ordinal)).Select(l => l.Split('`')[1]).ToHashSet(StringComparer.Ordinal);
        var (cases, agreed) = (0, 0);
        var differences = new List<string>();
        foreach (var (name, body, format, suite) in Cases())
        {
            var fault = StrictExposition.FirstFault(body, format);
            var agrees = fault is null == suite.GetProperty("should_parse").GetBoolean();
            cases++;
            agreed += agrees ? 1 : 0;
            if (agrees == listed.Contains(Path.GetFileNameWithoutExtension(name)))
            {
                differences.Add($"{name}: {(agrees ? "agrees, although the page lists it" : $"found {fault?.ToString() ?? "no fault"}, and the page has no reason")}");
            }
        }

        output.WriteLine($"{agreed} of {cases} verdicts agree ({100.0 * agreed / cases:0.0} %)");
        Assert.True(differences.Count == 0, string.Join("\n", differences));
        Assert.True(agreed >= Wanted * cases, $"only {agreed} of {cases} agree");
    }

    [RecordingsFact]
    public void Lenient_reading_yields_every_sample_that_a_reference_parser_yields()
    {
        var (cases, found) = (0, 0);
        var missing = new List<string>();
        foreach (var (name, body, format, suite) in Cases())
        {
            var page = ExpositionPage.Read(body, format);
            if (!suite.TryGetProperty("expected", out var families))
            {
                continue;
            }

            cases++;
            var left = page.Families.SelectMany(f => f.Samples).Select(s => Key(s.Name, s.Labels, s.NativeHistogram is null ? s.Value : null)).ToList();
            foreach (var family in families.EnumerateArray())
            {
                foreach (var sample in family.GetProperty("samples").EnumerateArray())
                {
                    var key = Key(sample.GetProperty("name").GetString()!, Labels(sample), ValueOf(sample.GetProperty("value")));

                    // The reference names a text counter as OpenMetrics would.
                    if (left.Remove(key) || (family.GetProperty("type").GetString() == "counter" && left.Remove(key.Replace("_total{", "{", StringComparison.Ordinal))))
                    {
                        found++;
                    }
                    else
                    {
                        missing.Add($"{name}: {key}; has {string.Join("; ", left)}");
                    }
                }
            }
        }

        output.WriteLine($"{found} samples of {cases} inputs found");
        Assert.True(missing.Count == 0, string.Join("\n", missing));
        Assert.True(found > 0, "no sample was compared");
    }

    private static IEnumerable<(string Name, byte[] Body, ExpositionFormat Format, JsonElement Suite)> Cases()
    {
        var folder = Path.Combine(Recordings.Folder!, "openmetrics");
        using var index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "index.json")));
        foreach (var input in index.RootElement.EnumerateObject())
        {
            var file = Path.Combine(folder, input.Name);
            if (File.Exists(file) && input.Value.GetProperty("format").GetString() is { } format && !format.Contains("protobuf", StringComparison.Ordinal))
            {
                yield return (input.Name, File.ReadAllBytes(file), format.StartsWith("text", StringComparison.Ordinal) ? ExpositionFormat.Text : ExpositionFormat.OpenMetrics, input.Value.Clone());
            }
        }
    }

    private static string Key(string name, IEnumerable<KeyValuePair<string, string>> labels, double? value) =>
        $"{name}{{{string.Join(',', labels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key}={l.Value}"))}}} {value?.ToString("R", CultureInfo.InvariantCulture) ?? "native"}";

    private static IEnumerable<KeyValuePair<string, string>> Labels(JsonElement sample) =>
        sample.GetProperty("labels") is not { ValueKind: JsonValueKind.Object } labels ? [] : labels.EnumerateObject().Select(l => KeyValuePair.Create(l.Name, l.Value.GetString()!));

    private static double? ValueOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.Number => value.GetDouble(),
        _ => value.GetString() switch
        {
            "NaN" => double.NaN,
            "+Inf" or "Infinity" => double.PositiveInfinity,
            "-Inf" or "-Infinity" => double.NegativeInfinity,
            var other => double.Parse(other!, CultureInfo.InvariantCulture),
        },
    };

    private static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "FleetVibe.sln")))
        {
            folder = folder.Parent;
        }

        return folder.FullName;
    }
}
