using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.VibeThinker;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Accumulating;

/// <summary>The series that a source may feed, as far as its configuration says; null is open.</summary>
internal readonly record struct SeriesPattern(string? Model, string? Task, string? Variant)
{
    internal const string DefaultTask = "default";

    internal static SeriesPattern Of(SourceSettings source) => new(source.Model, source.Task, source.Variant);

    /// <summary>The one series that a source is configured for; null where its model is only known from what it reads.</summary>
    internal static SeriesId? ConfiguredSeries(SourceSettings source) => source switch
    {
        { Rank: SourceRank.None } => null,
        VibeThinkerSourceSettings => new SeriesId(
            source.Model ?? VibeThinkerAdapter.DefaultModel, source.Task ?? VibeThinkerAdapter.DefaultTask, source.Variant ?? ""),
        { Model: { } model } => new SeriesId(model, source.Task ?? DefaultTask, source.Variant ?? ""),
        _ => null,
    };

    internal bool Overlaps(SeriesPattern other) =>
        Meets(Model, other.Model) && Meets(Task, other.Task) && Meets(Variant, other.Variant);

    /// <summary>Whether this pattern may share everything that the other feeds; see <see cref="MayShare"/>.</summary>
    internal bool Covers(SeriesPattern other) => Overlaps(other) && (Model is null || other.Model is not null);

    /// <summary>Whether this pattern may feed a series that the feeder named, where the feeder's task and variant may be mere defaults.</summary>
    internal bool MayShare(SeriesPattern feeder, SeriesId series) =>
        Meets(Model, series.Model)
        && Meets(Task, feeder.Task is null ? null : series.Task)
        && Meets(Variant, feeder.Variant is null ? null : series.Variant);

    public override string ToString() =>
        Model is null && Task is null && Variant is null ? "any series" : $"model {Model ?? "*"}, task {Task ?? "*"}{(Variant is null ? "" : $", variant {Variant}")}";

    private static bool Meets(string? a, string? b) => a is null || b is null || a == b;
}
