using System.Text.Json;
using FleetVibe.Metrics.Tests;
using FleetVibe.Verbs.Parse;
using Xunit.Abstractions;

namespace FleetVibe.Tests.Verbs.Parse;

/// <summary>What real servers, tools and logs wrote, where a machine has it, read through <c>parse</c>.</summary>
public class ParseRecordingsTests(ITestOutputHelper output)
{
    private static readonly string[] Folders = ["llm", "gpu", "logs"];

    [RecordingsFact]
    public void Every_recording_is_read_or_refused_with_a_reason_for_each_line()
    {
        var files = 0;
        foreach (var group in Files().Select(f => (Folder: Path.GetDirectoryName(f)!, Read: Read(f))).GroupBy(f => (f.Folder, f.Read.Format)).OrderBy(g => g.Key.Folder, StringComparer.Ordinal))
        {
            var read = group.Select(g => g.Read).ToList();
            files += read.Count;
            Assert.All(read.SelectMany(r => r.Skipped), s => Assert.True(s.Line > 0 && s.Reason.Length > 0));
            _ = read.Select(ParseJson.Of).Sum(json => JsonDocument.Parse(json).RootElement.GetProperty("skipped").GetArrayLength());
            using var text = new StringWriter();
            read.ForEach(r => ParseText.Write(text, r));

            output.WriteLine($"{group.Key.Folder} as {(group.Key.Format is { } f ? InputFormats.Word(f) : "nothing that is read")}: {read.Count} files, {read.Sum(Items)} items, {read.Sum(r => r.Skipped.Count)} lines skipped, {read.Count(r => r.Error is not null)} failed"
                + string.Concat(read.Select(r => r.Look?.Kind).Where(k => k is not null).GroupBy(k => k).Select(k => $"; {k.Count()} {k.Key}")));
        }

        Assert.True(files > 0, "no recording was read");
        output.WriteLine($"{files} files");
    }

    [RecordingsFact]
    public void A_recorded_page_gives_as_many_samples_as_the_reference_parser_counts()
    {
        using var index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Recordings.Folder!, "expositions_index.json")));
        var (compared, differences) = (0, new List<string>());
        foreach (var page in index.RootElement.EnumerateObject().Where(p => File.Exists(Path.Combine(Recordings.Folder!, p.Name))))
        {
            var reference = page.Value.GetProperty("client_python");
            if (!reference.GetProperty("ok").GetBoolean())
            {
                continue;
            }

            compared++;
            var read = Read(page.Name);
            if (Items(read) != reference.GetProperty("samples").GetInt32())
            {
                differences.Add($"{page.Name}: {Items(read)} samples as {read.Format}, not {reference.GetProperty("samples")}; {read.Error}");
            }
        }

        output.WriteLine($"{compared} pages compared");
        Assert.True(differences.Count == 0, string.Join("\n", differences));
        Assert.True(compared > 0, "no page was compared");
    }

    private static IEnumerable<string> Files() =>
        Folders.Select(folder => Path.Combine(Recordings.Folder!, folder)).Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Recordings.Folder!, file)).Order(StringComparer.Ordinal);

    private static ParsedInput Read(string file) =>
        InputReading.Read(file, File.ReadAllBytes(Path.Combine(Recordings.Folder!, file)), null, null, strict: false, new DateTimeOffset(2026, 11, 24, 8, 0, 0, TimeSpan.Zero));

    private static int Items(ParsedInput read) =>
        (read.Exposition?.Samples ?? 0) + (read.Points?.Count ?? 0) + (read.Log?.Requests.Count ?? 0) + (read.Gpus?.Gpus.Count ?? 0);
}
