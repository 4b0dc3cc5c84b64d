using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Fleet;

/// <summary>The fleet as one member knows it: the last view of every series and node. Knows no actor and no clock.</summary>
internal sealed class FleetState(TimeSpan unreachable)
{
    private const int KeptWindows = 60;
    private static readonly TimeSpan NodeLeavesAfter = TimeSpan.FromHours(24);

    // Longer than a host is expected for, and than the hour by which a member's clock may be off.
    private static readonly TimeSpan SeriesLeavesAfter = TimeSpan.FromHours(2);

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

    /// <summary>Forgets nodes that were not heard for a day, and series without a window of the last two hours.</summary>
    public void ForgetGone(DateTimeOffset now)
    {
        var gone = (now - NodeLeavesAfter).ToUnixTimeMilliseconds();
        foreach (var node in _nodes.Values.Where(node => node.LastHeardUnixMs < gone).ToList())
        {
            _nodes.Remove(node.Node);
        }

        var over = (now - SeriesLeavesAfter).ToUnixTimeSeconds();
        foreach (var series in _series.Where(entry => entry.Value.Count == 0 || entry.Value.Keys[^1] < over).ToList())
        {
            _series.Remove(series.Key);
        }
    }

    public FleetSnapshot Snapshot(int windows, DateTimeOffset now)
    {
        ForgetGone(now);
        var snapshot = new FleetSnapshot { AtUnixMs = now.ToUnixTimeMilliseconds() };
        foreach (var (series, known) in _series.OrderBy(entry => entry.Key.Model, StringComparer.Ordinal)
            .ThenBy(entry => entry.Key.Task, StringComparer.Ordinal).ThenBy(entry => entry.Key.Variant, StringComparer.Ordinal))
        {
            snapshot.Series.Add(new SeriesView { Series = series, Windows = { known.Values.Reverse().Take(windows) } });
        }

        foreach (var node in _nodes.Values)
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
