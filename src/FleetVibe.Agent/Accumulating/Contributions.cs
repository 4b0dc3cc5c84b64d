using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Accumulating;

/// <summary>What a window's shares add to the fleet: the totals of sources that count, the TTFT of those that give it.</summary>
internal static class Contributions
{
    internal static SortedDictionary<SeriesId, SeriesTotals> Of(WindowPart part)
    {
        var contributions = new SortedDictionary<SeriesId, SeriesTotals>(SeriesOrder.Instance);
        foreach (var (key, share) in part.Series)
        {
            if (!share.Counts && share.AddsNothing)
            {
                continue;
            }

            if (!contributions.TryGetValue(key.Series, out var totals))
            {
                contributions.Add(key.Series, totals = new SeriesTotals());
            }

            Add(totals, share);
        }

        return contributions;
    }

    private static void Add(SeriesTotals totals, SeriesShare share)
    {
        if (share.Counts)
        {
            totals.Requests += share.Totals.Requests;
            totals.Errors += share.Totals.Errors;
            totals.LengthLimited += share.Totals.LengthLimited;
            totals.InputTokens += share.Totals.InputTokens;
            totals.OutputTokens += share.Totals.OutputTokens;
            totals.WideRequests += share.Totals.WideRequests;
            totals.ResponseTime.Merge(share.Totals.ResponseTime);
        }

        if (share.GivesTtft)
        {
            totals.Ttft.Merge(share.Totals.Ttft);
        }
    }
}
