using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Series;

/// <summary>
/// Contributions of one series that came before their window was loaded. A copy takes the place of the one before it; what
/// would exceed a limit is left out, and sent again by its session.
/// </summary>
/// <param name="most">Contributions, in all windows together.</param>
/// <param name="mostBytes">The same by their size on the wire.</param>
internal sealed class WaitingParts(int most, long mostBytes)
{
    private readonly Dictionary<WindowId, Dictionary<RecordKey, Part>> _windows = [];
    private int _count;
    private long _bytes;

    public void Put(MergeContribution contribution, object replyTo)
    {
        var id = WindowId.FromWire(contribution.Key);
        var record = RecordKey.FromWire(contribution.Record);
        if (!_windows.TryGetValue(id, out var window))
        {
            window = [];
        }

        if (window.Remove(record, out var before))
        {
            Leave(before);
        }

        var part = new Part(contribution, replyTo, contribution.CalculateSize());
        if (_count < most && _bytes + part.Bytes <= mostBytes)
        {
            _count++;
            _bytes += part.Bytes;
            window.Add(record, part);
            _windows[id] = window;
        }
    }

    /// <summary>What waited for a window, which is forgotten here.</summary>
    public IReadOnlyCollection<Part> Take(WindowId id)
    {
        if (!_windows.Remove(id, out var window))
        {
            return [];
        }

        foreach (var part in window.Values)
        {
            Leave(part);
        }

        return window.Values;
    }

    /// <summary>The same for all windows.</summary>
    public IReadOnlyList<Part> TakeAll() => [.. _windows.Keys.ToList().SelectMany(Take)];

    private void Leave(Part part)
    {
        _count--;
        _bytes -= part.Bytes;
    }

    internal sealed record Part(MergeContribution Contribution, object ReplyTo, int Bytes);
}
