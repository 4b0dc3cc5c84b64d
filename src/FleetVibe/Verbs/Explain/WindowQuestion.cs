using FleetVibe.Protocol.V1;

namespace FleetVibe.Verbs.Explain;

/// <summary>Which window is asked for. Pure.</summary>
/// <param name="Task">Null where it may be any.</param>
/// <param name="Variant">Null where it may be any, or none.</param>
internal sealed record WindowQuestion(string Model, string? Task, string? Variant, DateTimeOffset At, WindowLevel Level = WindowLevel._10S)
{
    /// <summary>The series where it is named in full; else it has to be found among those that the fleet knows.</summary>
    public SeriesKey? Named => Task is null ? null : new SeriesKey { Model = Model, Task = Task, Variant = Variant ?? "" };

    /// <summary>The one known series that fits, or null and what to write.</summary>
    public SeriesKey? Find(IEnumerable<SeriesKey> known, out string problem)
    {
        var all = known.ToList();
        var fitting = all.Where(s => s.Model == Model && (Task is null || s.Task == Task) && (Variant is null || s.Variant == Variant)).ToList();
        problem = fitting.Count switch
        {
            1 => "",
            0 when all.Count == 0 => "the aggregator has no series yet: name it in full, with --task",
            0 => $"no series of model \"{Model}\"{(Variant is null ? "" : $" with variant \"{Variant}\"")} was reported lately: name it in full, with --task; there are {Names(all)}",
            _ => $"model \"{Model}\" has {fitting.Count} series: add --task or --variant to tell which: {Names(fitting)}",
        };
        return fitting.Count == 1 ? fitting[0] : null;
    }

    private static string Names(IEnumerable<SeriesKey> series) => string.Join(", ", series.Select(WindowText.NameOf));
}
