namespace FleetVibe.Gateway.Delivery;

/// <summary>
/// The search for lines that a receiver refuses without naming them. A single line is condemned only where the same receiver took
/// another line since the search began: a receiver that refuses everything says something about itself, not about the lines.
/// Those refused before are suspects, and are sent alone once more after it took one.
/// </summary>
internal sealed class Suspicion
{
    /// <summary>So many single lines refused and none taken: the receiver itself is suspect.</summary>
    internal const int ManyRefused = 10;

    private const int MostSuspects = 1000;

    private readonly Stack<long[]> _pieces = [];
    private readonly HashSet<long> _suspects = [];
    private bool _searching;
    private bool _tookOne;

    /// <summary>Ids of refused single lines that wait until the receiver takes another one.</summary>
    internal IReadOnlyCollection<long> Suspects => _suspects;

    internal bool HasPieces => _pieces.Count > 0;

    /// <summary>Nothing was taken so far, and too much was refused to go on at full speed.</summary>
    internal bool DoubtsReceiver => _suspects.Count >= ManyRefused;

    /// <summary>The lines to send next; null where the search is over.</summary>
    internal long[]? NextPiece()
    {
        if (_pieces.TryPop(out var piece))
        {
            return piece;
        }

        _searching = false;
        return null;
    }

    /// <summary>A batch was refused. Whether its one line is condemned by it.</summary>
    internal bool OnRefused(IReadOnlyList<BatchLine> lines)
    {
        if (!_searching)
        {
            _searching = true;
            _tookOne = false;
        }

        if (lines.Count > 1)
        {
            var half = lines.Count / 2;
            _pieces.Push([.. lines.Skip(half).Select(l => l.Id)]);
            _pieces.Push([.. lines.Take(half).Select(l => l.Id)]);
            return false;
        }

        if (_tookOne)
        {
            return true;
        }

        if (_suspects.Count >= MostSuspects)
        {
            _suspects.Clear();
        }

        _suspects.Add(lines[0].Id);
        return false;
    }

    /// <summary>A batch was taken: the suspects are the next pieces.</summary>
    internal void OnTaken()
    {
        _tookOne = true;
        _searching |= _suspects.Count > 0;
        foreach (var suspect in _suspects)
        {
            _pieces.Push([suspect]);
        }

        _suspects.Clear();
    }
}
