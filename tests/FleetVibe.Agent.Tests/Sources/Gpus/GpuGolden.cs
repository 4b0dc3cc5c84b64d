using System.Globalization;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Points;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Tests.Sources.Gpus;

/// <summary>What comes of a tool's output: the points of its window, each as one line.</summary>
internal static class GpuGolden
{
    private static readonly DateTimeOffset At = Fixtures.At(5);

    /// <summary>All samples of one run.</summary>
    internal static IReadOnlyList<GpuSample> Samples(IGpuTool tool, string output)
    {
        tool.Begin();
        var samples = new List<GpuSample>();
        foreach (var line in output.Split('\n'))
        {
            if (tool.Read(line, At).Sample is { } sample)
            {
                samples.Add(sample);
            }
        }

        return [.. samples, .. tool.End(At)];
    }

    internal static IReadOnlyList<string> Points(IGpuTool tool, string output) => Points(Samples(tool, output));

    internal static IReadOnlyList<string> Points(IReadOnlyList<GpuSample> samples)
    {
        var settings = Fixtures.Settings(Fixtures.Gpus);
        var part = new WindowPart(Fixtures.Start);
        foreach (var sample in samples)
        {
            var key = (Fixtures.Gpus.Key, sample.Gpu);
            if (!part.Gpus.TryGetValue(key, out var gpu))
            {
                part.Gpus[key] = gpu = GpuFolding.Begin(Fixtures.Gpus.Key, sample);
            }

            GpuFolding.Add(gpu, sample);
        }

        return [.. new NodePoints(settings, new NodeFacts()).Of(part, part, null).Select(Line)];
    }

    private static string Line(Point point) =>
        $"{point.Measurement},{string.Join(',', point.Tags.Where(tag => tag.Key != "host").Select(tag => $"{tag.Key}={tag.Value}"))} {string.Join(',', point.Fields.Select(field => $"{field.Key}={Text(field)}"))}";

    private static string Text(Field field) => field.ValueCase switch
    {
        Field.ValueOneofCase.Float => field.Float.ToString("R", CultureInfo.InvariantCulture),
        Field.ValueOneofCase.Integer => field.Integer.ToString(CultureInfo.InvariantCulture) + "i",
        Field.ValueOneofCase.Boolean => field.Boolean ? "true" : "false",
        _ => $"\"{field.Text}\"",
    };
}
