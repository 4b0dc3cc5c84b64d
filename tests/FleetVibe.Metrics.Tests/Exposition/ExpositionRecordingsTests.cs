using System.Globalization;
using System.Text.Json;
using FleetVibe.Metrics.Exposition;

namespace FleetVibe.Metrics.Tests.Exposition;

public class ExpositionRecordingsTests
{
    [RecordingsFact]
    public void Every_recorded_server_page_gives_each_of_its_samples()
    {
        using var index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Recordings.Folder!, "expositions_index.json")));
        var differences = new List<string>();
        foreach (var page in index.RootElement.EnumerateObject())
        {
            var body = ExpositionBody.Unquote(File.ReadAllBytes(Path.Combine(Recordings.Folder!, page.Name)));
            var reader = new ExpositionReader(body.Span, null);
            while (reader.Read())
            {
            }

            // The index counts lines, and a body quoted as JSON has only one.
            var expected = body.Length > 0 && body.Length != new FileInfo(Path.Combine(Recordings.Folder!, page.Name)).Length
                ? body.Span.Count((byte)'\n') - body.Span.Count("# "u8)
                : page.Value.GetProperty("sample_lines").GetInt32();
            if (reader.Samples != expected || reader.SkippedLines != 0)
            {
                differences.Add($"{page.Name}: {reader.Samples} samples, not {expected}; skipped {string.Join(", ", reader.FirstSkipped)}");
            }
        }

        Assert.True(differences.Count == 0, string.Join("\n", differences));
    }

    [RecordingsFact]
    public void Conformance_inputs_are_read_where_valid_and_never_crash()
    {
        var folder = Path.Combine(Recordings.Folder!, "openmetrics");
        using var index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "index.json")));
        var differences = new List<string>();
        var compared = 0;
        foreach (var input in index.RootElement.EnumerateObject())
        {
            var path = Path.Combine(folder, input.Name);
            if (!File.Exists(path) || input.Name.StartsWith("protobuf", StringComparison.Ordinal))
            {
                continue;
            }

            var format = input.Name.Contains("om1__", StringComparison.Ordinal) ? ExpositionFormat.OpenMetrics : ExpositionFormat.Text;
            var values = Values(File.ReadAllBytes(path), format, out var skipped);
            if (!input.Value.GetProperty("should_parse").GetBoolean()
                || !input.Value.TryGetProperty("expected", out var expected))
            {
                continue;
            }

            // Composite values of native histograms are no numbers; of two samples with one timestamp their reader keeps one.
            if (input.Name.Contains("native", StringComparison.Ordinal) || input.Name.Contains("duplicate_timestamps", StringComparison.Ordinal))
            {
                continue;
            }

            var want = expected.EnumerateArray().SelectMany(f => f.GetProperty("samples").EnumerateArray()).Select(s => Text(s.GetProperty("value"))).Order(StringComparer.Ordinal);
            compared++;
            if (skipped.Count > 0 || !want.SequenceEqual(values.Order(StringComparer.Ordinal)))
            {
                differences.Add($"{input.Name}: {string.Join(' ', values)} instead of {string.Join(' ', want)}; skipped {string.Join(", ", skipped)}");
            }
        }

        Assert.True(differences.Count == 0, string.Join("\n", differences));
        Assert.True(compared > 50, $"only {compared} inputs compared");
    }

    private static List<string> Values(byte[] body, ExpositionFormat format, out IReadOnlyList<SkippedLine> skipped)
    {
        var values = new List<string>();
        var reader = new ExpositionReader(body, null, format);
        while (reader.Read())
        {
            values.Add(Text(reader.Value));
            _ = reader.GetLabel("le"u8);
        }

        skipped = reader.FirstSkipped;
        return values;
    }

    private static string Text(JsonElement value) => value.ValueKind == JsonValueKind.Number
        ? Text(value.GetDouble())
        : value.GetString() switch
        {
            "NaN" => Text(double.NaN),
            "+Inf" or "Infinity" => Text(double.PositiveInfinity),
            "-Inf" or "-Infinity" => Text(double.NegativeInfinity),
            var other => other ?? "null",
        };

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
