using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Points;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Spool;

/// <summary>What several records become.</summary>
/// <param name="Contents">None where the records held nothing but points.</param>
/// <param name="PointsLeftOut">Points of the finer windows: at the start of a larger one they would overwrite and double.</param>
internal sealed record MergedRecords(IReadOnlyList<(RecordContent Content, long Requests)> Contents, int PointsLeftOut);

/// <summary>Merges records into the window that encloses them: counts exact, distributions merged, no points of windows. Pure.</summary>
internal static class RecordMerge
{
    /// <exception cref="InvalidDataException">A contribution contradicts itself.</exception>
    internal static MergedRecords Of(WindowLevel level, long start, IEnumerable<RecordContent> records)
    {
        var series = new SortedDictionary<SeriesId, SeriesTotals>(SeriesOrder.Instance);
        var events = new List<Point>();
        var leftOut = 0;
        foreach (var record in records)
        {
            foreach (var contribution in record.Contributions)
            {
                var id = TotalsMapper.FromWire(contribution.Series);
                if (!series.TryGetValue(id, out var totals))
                {
                    series.Add(id, totals = new SeriesTotals());
                }

                totals.Merge(TotalsMapper.FromWire(contribution.Totals));
            }

            // An event has its own moment and says the same beside any window.
            events.AddRange(record.Points.Where(point => point.Measurement == EventPoints.Measurement));
            leftOut += record.Points.Count(point => point.Measurement != EventPoints.Measurement);
        }

        var contributions = series.Select(entry => new Contribution { Series = TotalsMapper.ToWire(entry.Key), Totals = TotalsMapper.ToWire(entry.Value) });
        return new MergedRecords(RecordContents.Of(level, start, contributions, events), leftOut);
    }
}
