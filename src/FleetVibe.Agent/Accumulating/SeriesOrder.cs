using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Accumulating;

/// <summary>Ordinal order by model, task, variant.</summary>
internal sealed class SeriesOrder : IComparer<SeriesId>
{
    internal static SeriesOrder Instance { get; } = new();

    public int Compare(SeriesId? x, SeriesId? y)
    {
        var byModel = string.CompareOrdinal(x!.Model, y!.Model);
        var byTask = byModel != 0 ? byModel : string.CompareOrdinal(x.Task, y.Task);
        return byTask != 0 ? byTask : string.CompareOrdinal(x.Variant, y.Variant);
    }
}
