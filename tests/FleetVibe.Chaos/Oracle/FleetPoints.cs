using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.Chaos.Oracle;

/// <summary>What Telegraf holds, by model, level and window.</summary>
internal sealed class FleetPoints
{
    private readonly Dictionary<(string Model, string Level), SortedDictionary<long, StoredPoint>> _windows = [];
    private readonly ILookup<(string Model, long Start), StoredPoint> _nodePoints;

    public FleetPoints(IReadOnlyList<StoredPoint> points, Findings findings)
    {
        foreach (var point in points.Where(p => p.Measurement == "vibe_fleet"))
        {
            var (model, level) = (ModelOf(point), point.Tags.GetValueOrDefault("window") ?? "");
            if (!_windows.TryGetValue((model, level), out var windows))
            {
                _windows.Add((model, level), windows = []);
            }

            // One series a model: requests of another task or variant were never written.
            if (!windows.TryAdd(point.UnixSeconds, point) && Requests(point) > 0)
            {
                findings.Duplicated += level == WindowLevel.Base.Name ? Requests(point) : 0;
                findings.Add("series", $"{model} {level} {point.At:s}Z", 1, 2, string.Join(",", point.Tags.Select(tag => $"{tag.Key}={tag.Value}")));
            }
        }

        _nodePoints = points.Where(p => p.Measurement == "vibe_model").ToLookup(p => (ModelOf(p), p.UnixSeconds));
    }

    public IEnumerable<string> Models => _windows.Keys.Select(key => key.Model).Distinct(StringComparer.Ordinal);

    public IEnumerable<StoredPoint> All => _windows.Values.SelectMany(windows => windows.Values);

    public IReadOnlyDictionary<long, StoredPoint> Windows(string model, WindowLevel level) =>
        _windows.GetValueOrDefault((model, level.Name)) ?? [];

    /// <summary>What the nodes' own points say of a base window, e.g. <c>a 12, b 9</c>.</summary>
    public string DescribeNodes(string model, long start) => string.Join(
        ", ", _nodePoints[(model, start)].Select(p => $"{p.Tags.GetValueOrDefault("host")} {p.Integer("requests")}").Order(StringComparer.Ordinal));

    public static long Requests(StoredPoint? point) => point?.Integer("requests") ?? 0;

    private static string ModelOf(StoredPoint point) => point.Tags.GetValueOrDefault("model") ?? "";
}
