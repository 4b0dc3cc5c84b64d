using System.Globalization;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>
/// The last XID of each board, and events without a flood: a fault is told at once, its repetitions on that board are
/// counted and told together when a minute is over.
/// </summary>
internal sealed class XidWatch
{
    internal const string Kind = "xid";

    internal static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    private readonly SortedDictionary<string, long> _last = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Pci, int Number), Burst> _bursts = [];

    /// <summary>The last of each board, by PCI address.</summary>
    internal IReadOnlyDictionary<string, long> Last => _last;

    internal void Restore(string pci, long number) => _last[pci] = number;

    /// <summary>Takes a fault; returns its event, or null where it repeats one.</summary>
    /// <param name="isOld">It was there before anybody watched: remembered, and no event.</param>
    internal SourceEvent? Take(Xid xid, DateTimeOffset at, bool isOld)
    {
        _last[xid.Pci] = xid.Number;
        if (isOld)
        {
            return null;
        }

        if (_bursts.TryGetValue((xid.Pci, xid.Number), out var burst) && at - burst.Since < Quiet)
        {
            _bursts[(xid.Pci, xid.Number)] = burst with { More = burst.More + 1, LastAt = at };
            return null;
        }

        _bursts[(xid.Pci, xid.Number)] = new Burst(at, 0, at);
        var (severity, meaning) = xid.Meaning();
        var said = xid.Text.Length > 0 ? $" ({xid.Text})" : "";
        return new SourceEvent(Kind, severity, string.Create(CultureInfo.InvariantCulture, $"XID {xid.Number} of GPU {xid.Pci}: {meaning}{said}"), at);
    }

    /// <summary>What repeated in minutes that are over.</summary>
    internal IReadOnlyList<SourceEvent> Due(DateTimeOffset now)
    {
        var over = _bursts.Where(burst => now - burst.Value.Since >= Quiet || now < burst.Value.Since).OrderBy(burst => burst.Key).ToList();
        foreach (var (key, _) in over)
        {
            _bursts.Remove(key);
        }

        return
        [
            .. over.Where(burst => burst.Value.More > 0).Select(burst => new SourceEvent(
                Kind,
                new Xid(burst.Key.Pci, burst.Key.Number, "").Meaning().Severity,
                string.Create(CultureInfo.InvariantCulture, $"XID {burst.Key.Number} of GPU {burst.Key.Pci}: {burst.Value.More} more within {Quiet.TotalSeconds:0} s"),
                burst.Value.LastAt)),
        ];
    }

    private sealed record Burst(DateTimeOffset Since, long More, DateTimeOffset LastAt);
}
