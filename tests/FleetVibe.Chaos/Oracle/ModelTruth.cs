using FleetVibe.Chaos.Traffic;

namespace FleetVibe.Chaos.Oracle;

/// <summary>One model's truth at every level.</summary>
internal sealed class ModelTruth
{
    private readonly Dictionary<WindowLevel, Dictionary<long, TruthWindow>> _levels = [];

    public ModelTruth(string model, IEnumerable<KeyValuePair<long, TruthWindow>> windows)
    {
        Model = model;
        var all = windows.ToList();
        foreach (var level in WindowLevel.All)
        {
            var merged = _levels[level] = [];
            foreach (var (start, window) in all)
            {
                if (!merged.TryGetValue(level.StartOf(start), out var into))
                {
                    merged.Add(level.StartOf(start), into = new TruthWindow());
                }

                into.Add(window);
            }
        }
    }

    public string Model { get; }

    public long Requests => _levels[WindowLevel.Base].Values.Sum(window => window.Requests);

    public IReadOnlyDictionary<long, TruthWindow> Windows(WindowLevel level) => _levels[level];

    public static IReadOnlyList<ModelTruth> Of(TrafficTruth truth) =>
    [
        .. truth.Windows.GroupBy(pair => pair.Key.Model, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => new ModelTruth(group.Key, group.Select(pair => KeyValuePair.Create(pair.Key.Start, pair.Value)))),
    ];
}
