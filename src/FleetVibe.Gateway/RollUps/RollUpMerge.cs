using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;

namespace FleetVibe.Gateway.RollUps;

/// <summary>
/// A roll-up out of its parts: always whole, never added to. Pure: equal parts give equal content, in any order.
/// </summary>
internal static class RollUpMerge
{
    /// <summary>The next revision, or <paramref name="current"/> itself where its content stays the same.</summary>
    /// <param name="parts">Current revisions of the windows inside, and what is committed at the roll-up's own level.</param>
    /// <param name="complete">The span is past and nothing inside waits to be made.</param>
    /// <param name="current">What stands; its revision, final flag and written fields go on.</param>
    /// <exception cref="InvalidDataException">Sums out of range.</exception>
    internal static CommittedWindow Of(IReadOnlyList<CommittedWindow> parts, bool complete, CommittedWindow current, out SeriesTotals totals)
    {
        totals = new SeriesTotals();
        foreach (var part in parts)
        {
            totals.Merge(TotalsMapper.FromWire(part.Totals));
        }

        var next = current with
        {
            Revision = current.Revision + 1,
            Final = current.Final || (complete && parts.All(p => p.Final)),
            Backfilled = parts.Aggregate(0UL, (sum, p) => sum + p.Backfilled),
            Totals = TotalsMapper.ToWire(totals),
            Hosts = Union(parts, p => p.Hosts),
            ExpectedHosts = Union(parts, p => p.ExpectedHosts),
        };
        return current.Revision > 0 && SameContent(current, next) ? current : next;
    }

    private static bool SameContent(CommittedWindow left, CommittedWindow right) =>
        left.Final == right.Final
        && left.Backfilled == right.Backfilled
        && left.Totals.Equals(right.Totals)
        && left.Hosts.SequenceEqual(right.Hosts, StringComparer.Ordinal)
        && left.ExpectedHosts.SequenceEqual(right.ExpectedHosts, StringComparer.Ordinal);

    private static List<string> Union(IEnumerable<CommittedWindow> parts, Func<CommittedWindow, IReadOnlyList<string>> hosts) =>
        [.. parts.SelectMany(hosts).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
}
