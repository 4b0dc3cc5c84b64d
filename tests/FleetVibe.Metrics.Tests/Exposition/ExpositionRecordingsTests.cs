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
}
