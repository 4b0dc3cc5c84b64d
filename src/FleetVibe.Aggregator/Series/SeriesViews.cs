using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Series;

/// <summary>What the page shows of a series: figures of committed windows as committed, of open ones as far as known.</summary>
internal sealed class SeriesViews(SeriesKey series, int shown)
{
    private readonly HashSet<long> _touched = [];
    private readonly SortedList<long, WindowView> _released = [];

    /// <summary>Only base windows are shown.</summary>
    public void Touch(WindowId window)
    {
        if (window.IsBase)
        {
            _touched.Add(window.Start);
        }
    }

    public void Touch(IEnumerable<long> starts) => _touched.UnionWith(starts);

    /// <summary>Remembers the figures of a window that is let go.</summary>
    public void Keep(SeriesWindow window, HashSet<string> expected)
    {
        if (window is { Revision: > 0, Id.IsBase: true })
        {
            _released[window.Start] = View(window, expected);
            while (_released.Count > shown)
            {
                _released.RemoveAt(0);
            }
        }
    }

    public SeriesView Take(
        IReadOnlyDictionary<WindowId, SeriesWindow> windows, ExpectedHosts hosts, Func<SeriesWindow, HashSet<string>> expected, Moment now, bool all)
    {
        var starts = new SortedSet<long>(_released.Keys);
        starts.UnionWith(windows.Keys.Where(id => id.IsBase).Select(id => id.Start));
        starts.UnionWith(hosts.OpenStarts());
        var view = new SeriesView { Series = series };
        foreach (var start in starts.Reverse().Take(shown))
        {
            if (!all && !_touched.Contains(start))
            {
                continue;
            }

            if (windows.TryGetValue(WindowId.Base(start), out var window) && window.State == SeriesWindow.Phase.Held)
            {
                view.Windows.Add(window.Revision > 0 ? View(window, expected(window)) : OpenView(start, window, expected(window), hosts));
            }
            else if (_released.TryGetValue(start, out var released))
            {
                view.Windows.Add(released);
            }
            else if (hosts.OpenTotals(start).Any())
            {
                view.Windows.Add(OpenView(start, null, hosts.For(start, now).ToHashSet(), hosts));
            }
        }

        _touched.Clear();
        return view;
    }

    /// <summary>The same windows in as few views as the size allows.</summary>
    public static IEnumerable<SeriesView> InParts(SeriesView view, int maxBytes)
    {
        var part = new SeriesView { Series = view.Series };
        var bytes = 0;
        foreach (var window in view.Windows)
        {
            var size = window.CalculateSize();
            if (part.Windows.Count > 0 && bytes + size > maxBytes)
            {
                yield return part;
                part = new SeriesView { Series = view.Series };
                bytes = 0;
            }

            part.Windows.Add(window);
            bytes += size;
        }

        if (part.Windows.Count > 0)
        {
            yield return part;
        }
    }

    private static WindowView View(SeriesWindow window, HashSet<string> expected) => new()
    {
        Start = window.Start,
        Phase = window.IsFinal ? WindowPhase.Final : WindowPhase.Committed,
        Revision = window.Revision,
        Contributors = (uint)window.CommittedHosts.Count,
        Expected = (uint)expected.Count,
        MissingHosts = { expected.Except(window.CommittedHosts).Order(StringComparer.Ordinal) },
        Totals = window.CommittedTotals,
    };

    private static WindowView OpenView(long start, SeriesWindow? window, HashSet<string> expected, ExpectedHosts hosts)
    {
        var contributors = window?.Contributors ?? new HashSet<string>();
        var totals = new SeriesTotals();
        if (window is not null)
        {
            totals.Merge(window.Merged);
        }

        foreach (var (host, open) in hosts.OpenTotals(start))
        {
            if (!contributors.Contains(host))
            {
                totals.Merge(open);
            }
        }

        return new WindowView
        {
            Start = start,
            Phase = WindowPhase.Open,
            Contributors = (uint)contributors.Count,
            Expected = (uint)expected.Count,
            MissingHosts = { expected.Except(contributors).Order(StringComparer.Ordinal) },
            Totals = TotalsMapper.ToWire(totals),
        };
    }
}
