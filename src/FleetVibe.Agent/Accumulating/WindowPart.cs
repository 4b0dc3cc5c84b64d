using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool.V1;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Accumulating;

/// <summary>One source's share of one series. <c>Source</c> is the source's key.</summary>
internal sealed record ShareKey(string Source, SeriesId Series);

/// <summary>What one source brought for one series in one window. Not thread safe.</summary>
internal sealed class SeriesShare(bool counts, bool givesTtft, SourceRank rank)
{
    internal bool Counts { get; private set; } = counts;

    internal bool GivesTtft { get; private set; } = givesTtft;

    internal SourceRank Rank { get; } = rank;

    internal bool SuppliesRequests { get; set; }

    /// <summary>Of a source that does not count, only the time to first token.</summary>
    internal SeriesTotals Totals { get; init; } = new();

    internal StoredGauges Gauges { get; init; } = new();

    internal long CountedRequests => Counts ? Totals.Requests : 0;

    /// <summary>Whether it adds anything to a contribution.</summary>
    internal bool AddsNothing => !(Counts && !Totals.IsEmpty) && !(GivesTtft && Totals.Ttft.Count > 0);

    /// <summary>A source that begins to count in the middle of a window. One that ceases to keeps what it brought.</summary>
    internal void TakeRole(Placement placement) => Counts |= placement.Counts;

    internal void Merge(SeriesShare later)
    {
        Counts |= later.Counts;
        GivesTtft |= later.GivesTtft;
        SuppliesRequests |= later.SuppliesRequests;
        Totals.Merge(later.Totals);
        Gauges.MergeFrom(later.Gauges);
    }
}

/// <summary>
/// What was folded into one window: the whole of an open window, or what came after its record was made. Not thread safe.
/// </summary>
internal sealed class WindowPart(long start)
{
    /// <summary>Unix seconds.</summary>
    internal long Start { get; } = start;

    internal Dictionary<ShareKey, SeriesShare> Series { get; } = [];

    internal Dictionary<(string Source, string Gpu), StoredGpu> Gpus { get; } = [];

    /// <summary>By source key.</summary>
    internal Dictionary<string, StoredTarget> Targets { get; } = [];

    /// <summary>Whether it changed since it was last stored.</summary>
    internal bool IsDirty { get; set; }

    internal bool IsEmpty => Series.Count == 0 && Gpus.Count == 0 && Targets.Count == 0;

    internal long CountedRequests => Series.Values.Sum(share => share.CountedRequests);

    internal void Merge(WindowPart later)
    {
        foreach (var (key, share) in later.Series)
        {
            if (!Series.TryGetValue(key, out var mine))
            {
                Series.Add(key, mine = new SeriesShare(share.Counts, share.GivesTtft, share.Rank));
            }

            mine.Merge(share);
        }

        foreach (var (key, gpu) in later.Gpus)
        {
            if (Gpus.TryGetValue(key, out var mine))
            {
                GpuFolding.Merge(mine, gpu);
            }
            else
            {
                Gpus.Add(key, gpu.Clone());
            }
        }

        foreach (var (key, target) in later.Targets)
        {
            Targets[key] = Targets.TryGetValue(key, out var mine) ? TargetFolding.Merge(mine, target) : target.Clone();
        }
    }
}
