using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Series;

/// <summary>Which hosts feed a series, since when, and what their open windows hold so far.</summary>
internal sealed class ExpectedHosts(SeriesRules rules, bool isVariant)
{
    private readonly Dictionary<string, Host> _hosts = [];

    public bool IsEmpty => _hosts.Count == 0;

    /// <summary>A host says that it feeds the series.</summary>
    /// <returns>Starts of the windows whose open figures may have changed.</returns>
    public IReadOnlyCollection<long> Declare(string name, IEnumerable<OpenWindow> open, Moment now)
    {
        if (!_hosts.TryGetValue(name, out var host) || !IsPresent(host, now))
        {
            // One that was gone for so long was not expected meanwhile.
            _hosts[name] = host = new Host { Since = now.Utc, LastContributed = now.Up };
        }

        // Where the clock was set back, it feeds the series from now on.
        host.Since = host.Since < now.Utc ? host.Since : now.Utc;
        host.LastHeard = now.Up;
        var changed = new HashSet<long>(host.Open.Keys);
        host.Open = Read(open);
        changed.UnionWith(host.Open.Keys);
        return changed;
    }

    /// <summary>A host says that it feeds the series no more: its sources were taken out on purpose.</summary>
    /// <returns>Starts of the windows whose open figures may have changed.</returns>
    public IReadOnlyCollection<long> Withdraw(string name) => _hosts.Remove(name, out var host) ? host.Open.Keys : [];

    /// <summary>The hosts that the owner before this one expected.</summary>
    public void TakeOver(IEnumerable<string> names, Moment now)
    {
        foreach (var name in names)
        {
            _hosts.TryAdd(name, new Host { Since = DateTimeOffset.MinValue, LastHeard = now.Up, LastContributed = now.Up });
        }
    }

    public void NoteContribution(string name, Moment now)
    {
        if (_hosts.TryGetValue(name, out var host))
        {
            host.LastContributed = now.Up;
        }
    }

    /// <summary>The hosts from which a window should get a contribution.</summary>
    public IEnumerable<string> For(long start, Moment now)
    {
        var began = DateTimeOffset.FromUnixTimeSeconds(start);
        return _hosts.Where(host => host.Value.Since <= began && IsPresent(host.Value, now)).Select(host => host.Key);
    }

    /// <summary>Totals of open windows by host, for the page.</summary>
    public IEnumerable<(string Host, SeriesTotals Totals)> OpenTotals(long start)
    {
        foreach (var (name, host) in _hosts)
        {
            if (host.Open.TryGetValue(start, out var totals))
            {
                yield return (name, totals);
            }
        }
    }

    /// <summary>Windows of which some host showed open figures.</summary>
    public IEnumerable<long> OpenStarts() => _hosts.Values.SelectMany(host => host.Open.Keys).Distinct();

    public void ForgetGone(Moment now)
    {
        foreach (var name in _hosts.Where(host => !IsPresent(host.Value, now)).Select(host => host.Key).ToList())
        {
            _hosts.Remove(name);
        }
    }

    private bool IsPresent(Host host, Moment now) =>
        now.Up - host.LastHeard <= rules.HostLeavesExpected && (!isVariant || now.Up - host.LastContributed <= rules.VariantLeavesExpected);

    private static Dictionary<long, SeriesTotals> Read(IEnumerable<OpenWindow> open)
    {
        var read = new Dictionary<long, SeriesTotals>();
        foreach (var window in open)
        {
            try
            {
                read[window.WindowStart] = TotalsMapper.FromWire(window.Totals);
            }
            catch (InvalidDataException)
            {
                // Figures for the page only: a host that sends nonsense shows nothing.
            }
        }

        return read;
    }

    private sealed class Host
    {
        public DateTimeOffset Since { get; set; }

        public TimeSpan LastHeard { get; set; }

        public TimeSpan LastContributed { get; set; }

        public Dictionary<long, SeriesTotals> Open { get; set; } = [];
    }
}
