using FleetVibe.Metrics.Histograms;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Model.Tests;

/// <summary>
/// Content as a bag of requests. Each request has a duration in a histogram bucket of its own, so that a distribution names
/// its requests: a count of two is a request counted twice.
/// </summary>
internal static class Bag
{
    internal static readonly int MostRequests = HistogramScale.MaxIndex - HistogramScale.MinIndex - 2;

    internal static double SecondsOf(int request) => Math.Pow(2, (HistogramScale.MinIndex + 1 + request + 0.5) / HistogramScale.BucketsPerOctave);

    /// <summary>Ascending, each request as often as it is in.</summary>
    internal static List<int> Of(WindowTotals? totals)
    {
        var bag = new List<int>();
        if (totals?.ResponseTime?.Estimate is { } histogram)
        {
            var index = 0;
            for (var i = 0; i < histogram.Counts.Count; i++)
            {
                index += histogram.Gaps[i];
                for (var n = 0UL; n < histogram.Counts[i]; n++)
                {
                    bag.Add(index - HistogramScale.MinIndex - 1);
                }
            }
        }

        return bag;
    }

    /// <summary>What is in the first and not in the second.</summary>
    internal static List<int> Without(IReadOnlyList<int> bag, IReadOnlyList<int> other)
    {
        var left = new List<int>();
        var i = 0;
        foreach (var request in bag)
        {
            while (i < other.Count && other[i] < request)
            {
                i++;
            }

            if (i < other.Count && other[i] == request)
            {
                i++;
            }
            else
            {
                left.Add(request);
            }
        }

        return left;
    }

    internal static void Add(List<int> bag, IReadOnlyList<int> more)
    {
        bag.AddRange(more);
        bag.Sort();
    }

    internal static string Text(IEnumerable<int> bag) => $"{{{string.Join(' ', bag)}}}";
}
