using System.Text;
using System.Text.Json;

namespace FleetVibe.Agent.Sources.Probing;

/// <summary>Whether a request log is there, can be read, and begins with lines of JSON objects.</summary>
internal static class JsonLogProbe
{
    private const int BytesLookedAt = 64 * 1024;

    public static SourceProbeResult Probe(JsonLogSourceSettings settings)
    {
        byte[] head;
        bool isWhole;
        try
        {
            using var file = new FileStream(settings.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            head = new byte[Math.Min(BytesLookedAt, file.Length)];
            file.ReadExactly(head);
            isWhole = head.Length == file.Length;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return SourceProbeResult.Failed(ErrorClass.FileMissing, $"{settings.Path} is not there: check path, or wait until the server writes it");
        }
        catch (UnauthorizedAccessException)
        {
            return SourceProbeResult.Failed(ErrorClass.Permission, $"{settings.Path} may not be read: let the agent's user read it, also after rotation");
        }
        catch (IOException e)
        {
            return SourceProbeResult.Failed(ErrorClass.Permission, $"{settings.Path} cannot be read: {e.GetType().Name}");
        }

        // Without the last one, which may be half written.
        var lines = Encoding.UTF8.GetString(head).Split('\n');
        var looked = lines.Take(Math.Max(lines.Length - 1, isWhole ? 0 : 1)).Where(l => !string.IsNullOrWhiteSpace(l)).Take(100).ToList();
        var objects = looked.Count(IsObject);
        return (looked.Count, objects) switch
        {
            (0, _) => new SourceProbeResult(true, null, $"{settings.Path} is there, without a line yet"),
            (_, 0) => SourceProbeResult.Failed(
                ErrorClass.WrongContent, $"{settings.Path}: its first line is no JSON object; one object a line is needed"),
            _ => new SourceProbeResult(true, null, $"{settings.Path}: {objects} of the first {looked.Count} lines are JSON objects")
            {
                Models = settings.Model is { } model ? [model] : [],
                Warnings = objects < looked.Count ? [$"{settings.Path}: {looked.Count - objects} of the first {looked.Count} lines are no JSON objects and will be skipped"] : [],
            },
        };
    }

    private static bool IsObject(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
