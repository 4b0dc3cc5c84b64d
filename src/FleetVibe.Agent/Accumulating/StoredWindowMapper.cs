using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool.V1;
using FleetVibe.Protocol.Mapping;

namespace FleetVibe.Agent.Accumulating;

/// <summary>Windows to and from the form in which the spool keeps them. Equal content gives equal bytes.</summary>
internal static class StoredWindowMapper
{
    internal static StoredWindow ToStored(WindowPart part)
    {
        var stored = new StoredWindow { WindowStart = part.Start };
        stored.Series.Add(part.Series.OrderBy(entry => entry.Key, ShareKeyOrder.Instance).Select(entry => new StoredSeries
        {
            Source = entry.Key.Source,
            Series = TotalsMapper.ToWire(entry.Key.Series),
            Totals = TotalsMapper.ToWire(entry.Value.Totals),
            Gauges = entry.Value.Gauges,
            Counts = entry.Value.Counts,
            GivesTtft = entry.Value.GivesTtft,
            Rank = (int)entry.Value.Rank,
            SuppliesRequests = entry.Value.SuppliesRequests,
        }));
        stored.Gpus.Add(part.Gpus.Values.OrderBy(gpu => gpu.Source, StringComparer.Ordinal).ThenBy(gpu => gpu.Gpu, StringComparer.Ordinal));
        stored.Targets.Add(part.Targets.Values.OrderBy(target => target.Source, StringComparer.Ordinal));
        return stored;
    }

    /// <exception cref="InvalidDataException">The stored window contradicts itself.</exception>
    internal static WindowPart FromStored(StoredWindow stored)
    {
        var part = new WindowPart(stored.WindowStart);
        foreach (var series in stored.Series)
        {
            part.Series.Add(new ShareKey(series.Source, TotalsMapper.FromWire(series.Series)), new SeriesShare(series.Counts, series.GivesTtft, (SourceRank)series.Rank)
            {
                SuppliesRequests = series.SuppliesRequests,
                Totals = TotalsMapper.FromWire(series.Totals),
                Gauges = series.Gauges ?? new StoredGauges(),
            });
        }

        foreach (var gpu in stored.Gpus)
        {
            part.Gpus.Add((gpu.Source, gpu.Gpu), gpu);
        }

        foreach (var target in stored.Targets)
        {
            part.Targets.Add(target.Source, target);
        }

        return part;
    }
}

/// <summary>Ordinal order by source and series.</summary>
internal sealed class ShareKeyOrder : IComparer<ShareKey>
{
    internal static ShareKeyOrder Instance { get; } = new();

    public int Compare(ShareKey? x, ShareKey? y)
    {
        var bySource = string.CompareOrdinal(x!.Source, y!.Source);
        return bySource != 0 ? bySource : SeriesOrder.Instance.Compare(x.Series, y.Series);
    }
}
