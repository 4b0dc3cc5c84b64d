using System.Globalization;
using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Reading;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Verbs.Parse;

/// <summary>One FILE for a person.</summary>
internal static class ParseText
{
    public static void Write(TextWriter output, ParsedInput input)
    {
        output.WriteLine($"{input.File}: {Summary(input)}");
        foreach (var family in input.Exposition?.Families ?? [])
        {
            output.WriteLine($"  {family.Name} ({family.Type})");
            foreach (var sample in family.Samples)
            {
                output.WriteLine($"    {Text(sample)}");
            }
        }

        foreach (var point in input.Points ?? [])
        {
            output.WriteLine($"  {Text(point)}");
        }

        foreach (var logged in input.Log?.Requests ?? [])
        {
            output.WriteLine($"  line {logged.Line}: {Text(logged.Request)}");
        }

        foreach (var logged in input.Log?.Gauges ?? [])
        {
            output.WriteLine($"  line {logged.Line}: {Text(logged.Gauges)}");
        }

        foreach (var value in input.Gpus?.Gpus.SelectMany(GpuTableReading.ValuesOf) ?? [])
        {
            output.WriteLine($"  {value.Of}: {value.Name} = {value.Value}");
        }

        if (input.Look is { } look)
        {
            WriteLook(output, look);
        }

        foreach (var skipped in input.Skipped)
        {
            output.WriteLine($"  skipped {skipped.Line}{(skipped.Column is { } column ? $":{column}" : "")}: {skipped.Reason}: {Printable(skipped.Text)}");
        }

        foreach (var note in input.Notes)
        {
            output.WriteLine($"  note: {note}");
        }

        if (input.Error is { } error)
        {
            output.WriteLine($"  FAILED: {error}");
        }
    }

    private static string Summary(ParsedInput input)
    {
        var content = input switch
        {
            { Format: null } => "not read",
            { Exposition: { } page } => $"{Count(page.Families.Count, "family", "families")}, {Count(page.Samples, "sample")}",
            { Points: { } points } => Count(points.Count, "point"),
            { Log: { Gauges.Count: > 0 } log } => Count(log.Gauges.Count, "line of statistics", "lines of statistics"),
            { Log: { } log } => Count(log.Requests.Count, "request"),
            _ => Count(input.Gpus!.Gpus.Count, "GPU row"),
        };
        return input.Format is { } format
            ? $"{InputFormats.Word(format)}, {content}, {Count(input.Skipped.Count, "line")} skipped"
            : content;
    }

    private static void WriteLook(TextWriter output, PageLook look)
    {
        output.WriteLine($"  looks like {look.Text}{(look.Kind is { } kind ? $" (kind = \"{kind}\")" : "")}");
        foreach (var group in look.Values.GroupBy(v => v.Of))
        {
            output.WriteLine($"    {Printable(group.Key)}");
            foreach (var value in group)
            {
                output.WriteLine($"      {value.Name} = {Printable(value.Value)}");
            }
        }

        if (look.Skipped > 0)
        {
            output.WriteLine($"    {Count(look.Skipped, "value")} of it cannot be used");
        }
    }

    private static string Text(ExpositionSample sample)
    {
        var labels = string.Join(", ", sample.Labels.Select(l => $"{l.Key}=\"{l.Value}\""));
        var at = sample.Timestamp is { } seconds ? string.Create(CultureInfo.InvariantCulture, $" at {seconds:0.######}") : "";
        return Printable($"{sample.Name}{(labels.Length > 0 ? $"{{{labels}}}" : "")} = {sample.NativeHistogram ?? ParseJson.NumberText(sample.Value)}{at}");
    }

    private static string Text(ParsedPoint point)
    {
        var tags = string.Concat(point.Tags.Select(t => $", {t.Key}={t.Value}"));
        var fields = string.Join(", ", point.Fields.Select(f => $"{f.Key} = {Text(f.Value)}"));
        return Printable($"{point.Measurement}{tags}: {fields}{(point.TimestampNs is { } at ? $" at {at.ToString(CultureInfo.InvariantCulture)}" : "")}");
    }

    private static string Text(FieldValue value) => value.Kind switch
    {
        FieldKind.Float => value.Float.ToString(CultureInfo.InvariantCulture),
        FieldKind.Integer => value.Integer.ToString(CultureInfo.InvariantCulture) + "i",
        FieldKind.Unsigned => value.Unsigned.ToString(CultureInfo.InvariantCulture) + "u",
        FieldKind.Boolean => value.Boolean ? "true" : "false",
        _ => $"\"{value.Text}\"",
    };

    private static string Text(RequestObservation request) => Printable(string.Create(
        CultureInfo.InvariantCulture,
        $"{request.CompletedAt:yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {request.Series.Model}, {request.Series.Task}{(request.Series.Variant.Length > 0 ? $", {request.Series.Variant}" : "")}: {request.Outcome}, duration {Seconds(request.DurationSeconds)}, ttft {Seconds(request.TtftSeconds)}, {request.InputTokens} + {request.OutputTokens} tokens"));

    private static string Text(ModelGauges gauges) => Printable(string.Create(
        CultureInfo.InvariantCulture,
        $"{gauges.At:yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {gauges.Series.Model}: running {gauges.Running?.ToString(CultureInfo.InvariantCulture) ?? "none"}, waiting {gauges.Waiting?.ToString(CultureInfo.InvariantCulture) ?? "none"}, KV cache {(gauges.KvCachePercent is { } cache ? $"{cache.ToString("0.##", CultureInfo.InvariantCulture)} %" : "none")}"));

    private static string Seconds(double? value) => value is { } seconds ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0.######} s") : "none";

    private static string Count(long count, string one, string? many = null) =>
        $"{count.ToString(CultureInfo.InvariantCulture)} {(count == 1 ? one : many ?? one + "s")}";

    // What a file holds must not steer the terminal that shows it.
    private static string Printable(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            clean.Append(c switch
            {
                '\n' => "\\n",
                _ when char.IsControl(c) => $"\\x{(int)c:x2}",
                _ => c.ToString(),
            });
        }

        return clean.ToString();
    }
}
