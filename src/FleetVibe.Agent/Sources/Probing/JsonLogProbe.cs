using FleetVibe.Agent.Sources.JsonLog;
using FleetVibe.Agent.Sources.JsonLog.Formats;
using FleetVibe.Agent.Sources.Reading;

namespace FleetVibe.Agent.Sources.Probing;

/// <summary>Whether a log is there, can be read, and what its first lines come to as the source is configured.</summary>
internal static class JsonLogProbe
{
    private const int BytesLookedAt = 256 * 1024;
    private const int KindsOfSkips = 3;

    public static SourceProbeResult Probe(JsonLogSourceSettings settings, TimeProvider time)
    {
        if (!LogPattern.IsPattern(settings.Path))
        {
            return ProbeFile(settings, time);
        }

        var paths = new LogPattern(settings.Path).Find();
        if (paths.Count == 0)
        {
            return SourceProbeResult.Failed(ErrorClass.FileMissing, $"{settings.Path} matches no file: check path, or wait until a service writes its first line");
        }

        // One that shows something says more than one that was just begun.
        var results = paths.Take(16).Select(path => ProbeFile(settings with { Path = path }, time)).ToList();
        var told = results.Find(result => result.Found.Count > 0) ?? results.Find(result => !result.Ok) ?? results[0];
        return told with
        {
            Text = $"{settings.Path} matches {(paths.Count == 1 ? "one file" : $"{paths.Count} files")}; {told.Text}",
            Warnings = [.. results.SelectMany(result => result.Warnings), .. results.Where(result => !result.Ok && result != told).Select(result => result.Text)],
        };
    }

    private static SourceProbeResult ProbeFile(JsonLogSourceSettings settings, TimeProvider time)
    {
        // A folder cannot be opened as a file, so it would look like one that is not there.
        if (NativeFile.TryStat(settings.Path, out var stat, out _) && !stat.IsRegular)
        {
            return SourceProbeResult.Failed(ErrorClass.WrongContent, $"{settings.Path} is no regular file; name the log file itself");
        }

        byte[] head;
        try
        {
            using var file = TailedFile.Open(settings.Path);
            var buffer = new byte[BytesLookedAt];
            head = buffer[..file.Read(buffer, 0)];
        }
        catch (UnauthorizedAccessException)
        {
            return SourceProbeResult.Failed(ErrorClass.Permission, $"{settings.Path} may not be read: let the agent's user read it, also after rotation");
        }
        catch (IOException)
        {
            return SourceProbeResult.Failed(ErrorClass.FileMissing, $"{settings.Path} is not there: check path, or wait until the server writes it");
        }

        // Without the last line, which may be half written.
        head = head[..(head.AsSpan().LastIndexOf((byte)'\n') + 1)];
        return Judge(settings, RequestLogReading.Read(head, settings, time.GetUtcNow()), head, time.GetUtcNow());
    }

    private static SourceProbeResult Judge(JsonLogSourceSettings settings, RequestLogLook look, byte[] head, DateTimeOffset now)
    {
        var format = LogFormats.Of(settings.Format);
        var lines = look.Read + look.Skipped.Count + look.Others;
        if (lines == 0)
        {
            return new SourceProbeResult(true, null, $"{settings.Path} is there, without a line yet");
        }

        var skips = look.Skipped.GroupBy(line => line.Reason).OrderByDescending(group => group.Count())
            .Select(group => $"{settings.Path}: {group.Count()} of the first {lines} lines will be skipped: {group.Key} (the first is line {group.First().Line})").Take(KindsOfSkips).ToList();
        var guess = look.Read == 0 ? RequestLogReading.Look(head, format: null, now) : null;
        var hint = guess is { Read: > 0 } && guess.Format != settings.Format ? $"; they look like format = \"{guess.Format}\"" : "";
        if (look.Read == 0 && look.Skipped.Count > 0)
        {
            return SourceProbeResult.Failed(ErrorClass.WrongContent, $"{settings.Path}: none of the first {lines} lines can be read; {look.Skipped[0].Reason}{hint}");
        }

        if (look.WithoutModel > 0)
        {
            skips.Insert(0, $"{settings.Path}: {look.WithoutModel} lines name no model and will be skipped: set model in the source");
        }

        if (look.Read == 0)
        {
            skips.Insert(0, $"{settings.Path}: none of the first {lines} lines is {format.Wanted}{hint}");
        }

        var what = format.BringsRequests ? Count(look.Requests.Count, "is a request", "are requests") : Count(look.Gauges.Count, "has statistics", "have statistics");
        return new SourceProbeResult(
            true, null, $"{settings.Path}: of the first {lines} lines {what} ({settings.Format}{(look.Enveloped > 0 ? ", in a container's envelope" : "")}){(look.Others > 0 ? $", {look.Others} of other things" : "")}")
        {
            Models = [.. look.Requests.Select(r => r.Request.Series.Model).Concat(look.Gauges.Select(g => g.Gauges.Series.Model)).Where(model => model != RequestLogReading.ModelOfSource).Distinct()],
            Found = look.Read > 0 ? [what] : [],
            Warnings = skips,
        };
    }

    private static string Count(int count, string one, string many) => $"{count} {(count == 1 ? one : many)}";
}
