using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Model.Tests;

/// <summary>The simulation broke a rule.</summary>
internal sealed class Violation(string rule, string what) : Exception($"{rule}: {what}")
{
    internal string Rule => rule;
}

internal readonly record struct WindowId(string Series, WindowLevel Level, long Start)
{
    internal static WindowId Of(WindowKey key) => new(key.Series.Model, key.Level, key.Start);

    public override string ToString() => $"{Series}@{Level}:{Start % 100_000}";
}

internal readonly record struct PartId(RecordKey Record, string Series)
{
    public override string ToString() => $"{Record.Node}/{Record.Instance.ToString()[..4]}/{Record.Seq}/{Series}";
}

/// <summary>One finished request, as the source knows it.</summary>
/// <param name="IsPoison">What holds it is damaged on its way to the session, the same way each time.</param>
internal sealed record Produced(int Id, string Node, SeriesId Series, DateTimeOffset At, bool IsPoison)
{
    internal long Window => WindowClock.StartOf(At);
}

/// <summary>One record's part for one series, as it was offered first.</summary>
internal sealed record OfferedPart(WindowId Window, IReadOnlyList<int> Requests, WindowTotals Totals);

/// <summary>What really happened: requests, and what was made of them on the agents.</summary>
internal sealed class Truth
{
    internal List<Produced> Requests { get; } = [];

    internal Dictionary<RecordKey, RecordContent> Records { get; } = [];

    internal Dictionary<PartId, OfferedPart> Parts { get; } = [];

    /// <summary>Requests that no source can tell any more, for their spool was lost.</summary>
    internal HashSet<int> Gap { get; } = [];

    /// <summary>Requests in records that an agent forgot.</summary>
    internal HashSet<int> Acknowledged { get; } = [];

    /// <summary>Notes what is offered; a record that was offered before must be what it was.</summary>
    internal void Offer(RecordKey record, RecordContent content)
    {
        if (Records.TryGetValue(record, out var before))
        {
            if (!before.Equals(content))
            {
                throw new Violation("frozen", $"record {record.Node}/{record.Seq} was offered with two contents");
            }

            return;
        }

        Records.Add(record, content.Clone());
        foreach (var part in content.Contributions)
        {
            Parts.Add(
                new PartId(record, part.Series.Model),
                new OfferedPart(new WindowId(part.Series.Model, content.Level, content.WindowStart), Bag.Of(part.Totals), part.Totals.Clone()));
        }
    }

    internal bool HoldsPoison(WindowTotals totals) => Bag.Of(totals).Any(request => Requests[request].IsPoison);
}
