using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Fleet;

/// <summary>The fleet as one member knows it: the last view of every series and node. Knows no actor and no clock.</summary>
internal sealed class FleetState(TimeSpan unreachable)
{
    private const int KeptWindows = 60;
    private static readonly TimeSpan NodeLeavesAfter = TimeSpan.FromHours(24);

    private readonly SortedDictionary<string, NodeView> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<SeriesKey, SortedList<long, WindowView>> _series = [];

    /// <summary>Rises with every change.</summary>
    public long Version { get; private set; }

    public void Take(SeriesView changed)
    {
        if (!_series.TryGetValue(changed.Series, out var windows))
        {
            _series[changed.Series] = windows = [];
        }

        foreach (var window in changed.Windows)
        {
            windows[window.Start] = window;
        }

        while (windows.Count > KeptWindows)
        {
            windows.RemoveAt(0);
        }

        Version++;
    }

    public void Take(NodeView changed)
    {
        _nodes[changed.Node] = changed;
        Version++;
    }

    public FleetSnapshot Snapshot(int windows, DateTimeOffset now)
    {
        var snapshot = new FleetSnapshot { AtUnixMs = now.ToUnixTimeMilliseconds() };
        foreach (var (series, known) in _series.OrderBy(entry => entry.Key.Model, StringComparer.Ordinal)
            .ThenBy(entry => entry.Key.Task, StringComparer.Ordinal).ThenBy(entry => entry.Key.Variant, StringComparer.Ordinal))
        {
            snapshot.Series.Add(new SeriesView { Series = series, Windows = { known.Values.Reverse().Take(windows) } });
        }

        var gone = now - NodeLeavesAfter;
        foreach (var node in _nodes.Values.Where(node => node.LastHeardUnixMs >= gone.ToUnixTimeMilliseconds()))
        {
            // Its entity may have died with its member, and then nobody says that the node is silent.
            var silent = now.ToUnixTimeMilliseconds() - node.LastHeardUnixMs > unreachable.TotalMilliseconds;
            if (silent && node.Reachability == NodeReachability.Reporting)
            {
                var copy = node.Clone();
                copy.Reachability = NodeReachability.Unreachable;
                snapshot.Nodes.Add(copy);
            }
            else
            {
                snapshot.Nodes.Add(node);
            }
        }

        return snapshot;
    }
}
